"""A client of the engine that does what it is told, a JSON object a line on standard input.

It answers each with one on standard output. `{"do": "open", "path": P, "feature": F}` opens a database,
`step` runs the next operation of the feature, `dump` says all that the database holds, and `tick`,
`close` and `checkpoint` are what they say. A feature can also be one of `stores.py`. What the release that is installed does not offer is
answered with `absent`. The operations of a feature are numbered, so that a client that was killed can be
followed by one that goes on: `{"do": "step", "number": N}`.
"""

import datetime
import hashlib
import json
import math
import os
import shutil
import sys
import tempfile

import grafeo

from stores import STORES

VALUES = [
    None,
    True,
    -1,
    2**62,
    0.5,
    -0.0,
    1e308,
    "",
    "naïve \U0001f40d\u0000\n",
    b"\x00\xff",
    [1, "two", None, [3.0]],
    {"a": 1, "b": {"c": [True]}},
    datetime.datetime(2024, 2, 29, 12, 0, 0, tzinfo=datetime.timezone.utc),
    [0.25] * 8,
    "x" * 70_000,
]
LITERALS = ["DATE '2024-02-29'", "TIME '23:59:59'", "DURATION 'P1DT2H'", "1.0e-300", "[1, [2, 3]]"]


class Absent(Exception):
    """The release does not offer it."""


def call(db, name, *arguments, **named):
    method = getattr(db, name, None)
    if method is None:
        raise Absent(name)
    return method(*arguments, **named)


def values(db, number):
    kind = number % (len(VALUES) + len(LITERALS))
    if kind < len(VALUES):
        db.execute("INSERT (:V {k: $k, v: $v})", {"k": number, "v": VALUES[kind]})
    else:
        db.execute(f"INSERT (:V {{k: {number}, v: {LITERALS[kind - len(VALUES)]}}})")


def large(db, number):
    text = hashlib.sha256(str(number).encode()).hexdigest() * (10 * 2**20 // 64)
    db.execute("INSERT (:L {k: $k, v: $v})", {"k": number, "v": text})


def queries(db, number):
    first, second = number // 8 * 8, number // 8 * 8 + 1
    db.execute(
        [
            f"INSERT (:P {{k: {number}, name: 'n{number}'}})",
            f"INSERT (:P:Q {{k: {number}, f: 1.5}})",
            f"MATCH (a:P {{k: {first}}}), (b:P {{k: {second}}}) INSERT (a)-[:E {{w: {number}}}]->(b)",
            f"MATCH (a:P {{k: {first}}}) SET a.name = 'changed', a.n = {number}",
            f"MATCH (a:P {{k: {second}}}) REMOVE a.f",
            f"MATCH (a:P {{k: {first}}}) SET a:R",
            f"INSERT (:P {{k: {number}}})-[:F]->(:S {{k: {number}}})",
            f"MATCH (a:P {{k: {second}}}) DETACH DELETE a",
        ][number % 8]
    )


def cypher(db, number):
    texts = [
        f"CREATE (:C {{k: {number}}})-[:K {{w: 1}}]->(:D {{k: {number}}})",
        f"MERGE (c:C {{k: {number - 1}}}) SET c.seen = {number}",
        f"UNWIND [1, 2, 3] AS i CREATE (:U {{k: {number}, i: i}})",
        f"MATCH (d:D {{k: {number - 3}}}) DETACH DELETE d",
    ]
    call(db, "execute_cypher", texts[number % 4])


def direct(db, number):
    kind = number % 6
    made = [row["i"] for row in db.execute("MATCH (n:A) RETURN id(n) AS i ORDER BY i")]
    if kind in (0, 1) or len(made) < 2:
        db.create_node(["A"], {"k": number, "name": f"n{number}"})
    elif kind == 2:
        db.create_edge(made[-2], made[-1], "E", {"w": number})
    elif kind == 3:
        db.set_node_property(made[-1], "v", number)
    elif kind == 4:
        db.add_node_label(made[-1], "B")
    else:
        db.delete_node(made[0])


def transactions(db, number):
    transaction = db.begin_transaction()
    transaction.execute(f"INSERT (:T {{k: {number}, part: 1}})")
    transaction.execute(f"MATCH (t:T {{k: {number}}}) SET t.part = 2")
    transaction.execute(f"INSERT (:T {{k: {number}, part: 3}})")
    transaction.commit()


def rollbacks(db, number):
    transaction = db.begin_transaction()
    transaction.execute(f"INSERT (:T {{k: {number}}})")
    if number % 2 == 0:
        transaction.rollback()
    else:
        transaction.commit()


def schema(db, number):
    db.execute(
        [
            f"CREATE NODE TYPE N{number} (name STRING NOT NULL)",
            f"INSERT (:N{number - 1} {{name: 'a'}})",
            f"CREATE EDGE TYPE E{number} (w INT64)",
            f"CREATE INDEX idx_{number} FOR (n:N{number - 3}) ON (n.name)",
            f"CREATE GRAPH TYPE G{number} (NODE TYPE X (a INT64))",
            f"CREATE SCHEMA s{number}",
            f"DROP NODE TYPE N{number - 6}",
        ][number % 7]
    )


def graphs(db, number):
    if number % 4 == 0:
        db.execute(f"CREATE GRAPH g{number}")
    elif number % 4 == 3 and number > 4:
        db.execute(f"DROP GRAPH g{number - 7}")
    else:
        name = f"g{number // 4 * 4}"
        call(db, "set_graph", name)
        try:
            db.execute(f"INSERT (:G {{k: {number}}})")
        finally:
            db.reset_graph()


def sparql(db, number):
    text = [
        f'INSERT DATA {{ <http://e/s{number}> <http://e/p> "o{number}"@en }}',
        f"INSERT DATA {{ GRAPH <http://e/g> {{ <http://e/s{number}> <http://e/p> {number} }} }}",
        f'DELETE DATA {{ <http://e/s{number - 2}> <http://e/p> "o{number - 2}"@en }}',
        f"INSERT DATA {{ <http://e/s{number}> <http://e/q> true }}",
    ][number % 4]
    call(db, "execute_sparql", text)


def embedding(number):
    return [math.cos(number), math.sin(number), number / 100.0, 1.0]


def vectors(db, number):
    if number == 1:
        call(db, "create_vector_index", "W", "emb", 4)
    elif number % 3 == 2 and hasattr(db, "batch_create_nodes"):
        db.batch_create_nodes("W", "emb", [embedding(number), embedding(number + 0.5)])
    else:
        db.execute("INSERT (:W {k: $k, emb: $e})", {"k": number, "e": embedding(number)})


def texts(db, number):
    if number == 1:
        call(db, "create_text_index", "X", "text")
    else:
        db.execute(f"INSERT (:X {{k: {number}, text: 'word{number} common'}})")


def bulk(db, number):
    rows = [{"id": f"r{number}-{row}", "v": row} for row in range(50)]
    if number % 3 == 0:
        call(db, "batch_create_nodes_with_props", "B", rows)
    elif number % 3 == 1:
        call(db, "upsert_nodes", ["B"], [{**rows[0], "v": -1}, {"id": f"new{number}"}])
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            call(db, "import_jsonl", file.name, "J")


def compact(db, number):
    if number == 3:
        call(db, "compact")
    elif number % 2 == 0:
        db.execute(f"INSERT (:M {{k: {number}}})")
    else:
        db.create_node(["M"], {"k": number})


def spilled(db, number):
    if number == 1:
        call(db, "create_vector_index", "W", "emb", 4)
    else:
        db.execute("INSERT (:W {k: $k, emb: $e})", {"k": number, "e": embedding(number)})


FEATURES = {
    name: globals()[name]
    for name in (
        "values large queries cypher direct transactions rollbacks schema graphs sparql vectors texts bulk compact spilled"
    ).split()
}


def plain(value):
    """A value as JSON that says its type."""
    if isinstance(value, (bool, type(None))):
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, (str, bytes)):
        kind = type(value).__name__
        shown = value if isinstance(value, str) else value.hex()
        if len(value) > 200:
            data = value.encode(errors="surrogatepass") if isinstance(value, str) else value
            shown = f"{len(value)}:{hashlib.sha256(data).hexdigest()}"
        return shown if kind == "str" else {kind: shown}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in sorted(value.items(), key=lambda it: str(it[0]))}
    return {type(value).__name__: str(value)}


def rows(result):
    return sorted((plain(dict(row)) for row in result), key=lambda row: json.dumps(row, sort_keys=True))


NODES = "MATCH (n) RETURN id(n) AS id, labels(n) AS labels, properties(n) AS props"
EDGES = "MATCH (a)-[e]->(b) RETURN id(e) AS id, id(a) AS from, id(b) AS to, type(e) AS type, properties(e) AS props"


def graph(db):
    nodes = rows(db.execute(NODES))
    for node in nodes:
        node["labels"] = sorted(node["labels"])
    edges = rows(db.execute(EDGES))
    # A release that replays onto its image what that has already finds an edge twice, and counts it
    # once.
    return {"nodes": nodes, "edges": [edge for place, edge in enumerate(edges) if edge not in edges[:place]]}


def reloaded(path):
    """What a copy of a database holds once all that was moved out of it is back.

    Where an embedding is read from is no part of the data, and a search finds it by chance.
    """
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.basename(path)
        for part in os.listdir(os.path.dirname(path)):
            if part.startswith(name):
                source, target = os.path.join(os.path.dirname(path), part), os.path.join(folder, part)
                (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, target)
        copy = grafeo.GrafeoDB(os.path.join(folder, name))
        if hasattr(copy, "reload_eligible"):
            copy.reload_eligible(1.0)
        held = graph(copy)
        copy.close()
        return held


def dump(db, feature, path):
    held = {"graph": reloaded(path) if feature == "spilled" else graph(db)}

    def part(name, read):
        try:
            held[name] = read()
        except Absent:
            pass
        except Exception as error:  # What it says is part of the answer.
            held[name] = {"error": str(error).split("\n")[0][:120]}

    def named():
        found = {}
        for name in sorted(call(db, "list_graphs")):
            db.set_graph(name)
            try:
                found[name] = graph(db)
            finally:
                db.reset_graph()
        return found

    if feature == "graphs":
        part("graphs", named)
    if feature == "sparql":
        part("triples", lambda: rows(call(db, "execute_sparql", "SELECT ?s ?p ?o WHERE { ?s ?p ?o }")))
        part("quads", lambda: rows(call(db, "execute_sparql", "SELECT ?g ?s ?p ?o WHERE { GRAPH ?g { ?s ?p ?o } }")))
    if feature == "schema":
        for what in ("NODE TYPES", "EDGE TYPES", "GRAPH TYPES", "INDEXES", "CONSTRAINTS", "SCHEMAS"):
            part(what, lambda what=what: rows(db.execute(f"SHOW {what}")))
    if feature == "vectors":
        def near():
            found = call(db, "vector_search", "W", "emb", embedding(3), 1000)
            return sorted([identity, f"{distance:.4f}"] for identity, distance in found)

        part("near", near)
    if feature == "texts":
        part("matching", lambda: sorted(identity for identity, _ in call(db, "text_search", "X", "common", 1000)))
    return held


class Client:
    def __init__(self):
        self.db, self.store, self.feature, self.path = None, None, None, None

    def open(self, path, feature, **_):
        self.feature, self.path = feature, path
        if feature in STORES:
            self.store = STORES[feature](path)
            self.db = self.store.db
            return
        options = {}
        if feature == "spilled":
            options["section_tiers"] = {"VectorStore": "force_disk"}
        try:
            self.db = grafeo.GrafeoDB(path, **options)
        except TypeError as error:
            raise Absent("section_tiers") from error

    def step(self, number, **_):
        if self.store:
            return self.store.step(number)
        FEATURES[self.feature](self.db, number)

    def run(self, statements, **_):
        for statement in statements:
            self.db.execute(statement)

    def tick(self, number, **_):
        """A query that commits."""
        self.db.execute(f"INSERT (:Tick {{k: {number}}})")

    def checkpoint(self, **_):
        call(self.db, "wal_checkpoint")

    def close(self, **_):
        self.db.close()
        self.db, self.store = None, None

    def dump(self, **_):
        return {"epoch": self.db.current_epoch(), "held": dump(self.db, self.feature, self.path)}

    def version(self, **_):
        return {"version": grafeo.__version__}


def main():
    client = Client()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        words = json.loads(line)
        try:
            answer = {"ok": getattr(client, words.pop("do"))(**words)}
        except Absent as error:
            answer = {"absent": str(error)}
        except BaseException as error:  # A panic of the engine is none of `Exception`.
            answer = {"error": f"{type(error).__name__}: {error}".split("\n")[0][:300]}
        print(json.dumps(answer), file=answers, flush=True)


main()
