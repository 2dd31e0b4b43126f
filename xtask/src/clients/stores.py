"""Stores of other packages, which keep what they know in a database, with an embedder that needs no model.

Each is opened by a path, has its database in `db`, and does a numbered step.
"""

import hashlib


def embedding(text):
    return [byte / 255.0 for byte in hashlib.sha256(text.encode()).digest()[:8]]


class Embedder:
    """What the packages ask an embedder for."""

    dimensions = 8

    def embed(self, texts):
        return [embedding(text) for text in texts]

    def embed_documents(self, texts):
        return self.embed(texts)

    def embed_query(self, text):
        return embedding(text)


class Langchain:
    def __init__(self, path):
        from grafeo_langchain import GrafeoGraphVectorStore

        self.store = GrafeoGraphVectorStore(Embedder(), db_path=path)
        self.db = self.store._db

    def step(self, number):
        kind = number % 5
        if kind == 4:
            self.store.delete([f"d{number - 1}"])
            return
        links = [{"target_id": f"d{number - 1}", "type": "NEXT"}] if kind in (1, 2) else []
        about = {"number": number, "__graph_links__": links}
        self.store.add_texts([f"text {number}"], [about], [f"d{number}"])


class Llamaindex:
    def __init__(self, path):
        from grafeo_llamaindex import GrafeoPropertyGraphStore

        self.store = GrafeoPropertyGraphStore(db_path=path)
        self.db = self.store.client

    def step(self, number):
        from llama_index.core.graph_stores.types import ChunkNode, EntityNode, Relation

        kind = number % 5
        if kind == 0:
            text = f"chunk {number}"
            self.store.upsert_nodes([ChunkNode(text=text, id_=f"c{number}", embedding=embedding(text))])
        elif kind in (1, 2):
            name = f"e{number}"
            about = {"number": number}
            self.store.upsert_nodes([EntityNode(name=name, label="Thing", properties=about, embedding=embedding(name))])
        elif kind == 3:
            pair = {"source_id": f"e{number - 2}", "target_id": f"e{number - 1}"}
            self.store.upsert_relations([Relation(label="KNOWS", properties={"number": number}, **pair)])
        else:
            self.store.delete(relation_names=["KNOWS"])
            self.store.delete(entity_names=[f"e{number - 2}"])


class Memory:
    def __init__(self, path):
        from grafeo_memory import MemoryConfig, MemoryManager

        config = MemoryConfig(db_path=path, user_id="u", embedding_dimensions=Embedder.dimensions)
        self.store = MemoryManager("test", config, embedder=Embedder())
        self.db = self.store._db

    def step(self, number):
        known = sorted((it.memory_id for it in self.store.get_all()), key=int)
        kind = number % 5
        if kind in (0, 1) or not known:
            self.store.add(f"memory {number}", infer=False)
        elif kind == 2:
            self.store.update(known[-1], f"memory {number}, again")
        elif kind == 3:
            self.store.set_importance(known[0], number / 100.0)
        else:
            self.store.delete(known[0])


STORES = {"langchain": Langchain, "llamaindex": Llamaindex, "memory": Memory}
