"""Makes the golden fixtures that only an older release of the engine, or a client, can make.

`python golden.py OUT` makes those of the release that is installed. Each has the database as it lay on
disk at its end (`source`), and what the client said after each step (`truth.json`).
"""

import json
import os
import shutil
import sys
from pathlib import Path

import grafeo


def shown(value):
    """A value as the truth of the other fixtures has it."""
    return {"$vector": [repr(item) for item in value]} if isinstance(value, list) else value


class Golden:
    """One fixture in the making, in a process of its own that ends without a close."""

    def __init__(self, out, name, about):
        self.folder = Path(out) / name
        self.work = self.folder / "work"
        self.database = self.work / "src.grafeo"
        self.name, self.about = name, about
        self.life, self.states = 0, []
        self.db = None
        shutil.rmtree(self.folder, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.reports = self.folder / "states.jsonl"

    def live(self, steps):
        """One life: `steps` gets a function that runs an operation and notes the state after it."""
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            try:
                steps(self)
            except BaseException as error:
                print(f"{self.name}: {error}", file=sys.stderr)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        if status != 0:
            sys.exit(f"{self.name} was not made")
        self.life += 1

    def open(self, **options):
        self.db = grafeo.GrafeoDB(str(self.database), **options)
        self.note("open")

    def query(self, text):
        self.db.execute(text)
        self.note(text)

    def do(self, name, *arguments):
        getattr(self.db, name)(*arguments)
        self.note(name)

    def note(self, operation):
        nodes = []
        for row in self.db.execute("MATCH (n) RETURN id(n) AS id, labels(n) AS labels, properties(n) AS props"):
            props = {key: shown(value) for key, value in row["props"].items()}
            nodes.append({"id": row["id"], "labels": row["labels"], "props": props})
        nodes.sort(key=lambda node: node["id"])
        empty = dict.fromkeys(["constraints", "edge_types", "edges", "graph_types", "indexes", "node_types", "schemas"], [])
        state = {"content": {**empty, "graphs": {}, "nodes": nodes}, "epoch": self.db.current_epoch(), "life": self.life, "op": operation, "wal": {}}
        with self.reports.open("a") as reports:
            reports.write(json.dumps(state, sort_keys=True, separators=(",", ":")) + "\n")

    def finish(self):
        states = [json.loads(line) for line in self.reports.read_text().splitlines()]
        rows = [json.dumps({**state, "seq": seq}, sort_keys=True, separators=(",", ":")) for seq, state in enumerate(states)]
        rows = ",\n  ".join(rows)
        engine = json.dumps(f"Python grafeo {grafeo.__version__}")
        head = f' "fixture": {json.dumps(self.name)}, "generation": 1, "engine": {engine},\n "about": {json.dumps(self.about)},'
        (self.folder / "truth.json").write_text(f'{{\n{head}\n "notes": [],\n "backups": [],\n "states": [\n  {rows}\n ]\n}}\n')
        source = self.folder / "source"
        source.mkdir()
        for kept in self.work.glob("src.grafeo*"):
            if kept.is_dir() and not any(path.is_file() for path in kept.rglob("*")) and kept.suffix == ".spill":
                continue
            shutil.move(kept, source / kept.name)
        self.reports.unlink()
        shutil.rmtree(self.work)


def insert(golden, *numbers):
    for number in numbers:
        golden.query(f"INSERT (:K {{i:{number}}})")


def kept_log_checkpoint(out):
    golden = Golden(out, "kept_log_checkpoint", "three commits, a checkpoint that keeps the log, two commits, killed")

    def steps(golden):
        golden.open()
        insert(golden, 1, 2, 3)
        golden.do("wal_checkpoint")
        golden.query("MATCH (n:K {i:2}) SET n.v = 1")
        insert(golden, 5)

    golden.live(steps)
    golden.finish()


def kept_log_backup(out):
    golden = Golden(out, "kept_log_backup", "three commits, a full backup of the engine's own of which nothing in the log tells, a commit, killed")

    def steps(golden):
        golden.open()
        insert(golden, 1, 2, 3)
        golden.do("backup_full", str(golden.work / "backup"))
        golden.query("MATCH (n:K {i:1}) DETACH DELETE n")

    golden.live(steps)
    golden.finish()


def kept_log_reopened(out):
    golden = Golden(out, "kept_log_reopened", "three commits, killed; a commit, a transaction that is rolled back, a checkpoint, a commit, killed; a commit, killed: all in one log file")

    def first(golden):
        golden.open()
        insert(golden, 1, 2, 3)

    def second(golden):
        golden.open()
        insert(golden, 4)
        transaction = golden.db.begin_transaction()
        transaction.execute("INSERT (:K {i:-1})")
        transaction.rollback()
        golden.do("wal_checkpoint")
        insert(golden, 5)

    def third(golden):
        golden.open()
        insert(golden, 6)

    for steps in (first, second, third):
        golden.live(steps)
    golden.finish()


def no_commits(out):
    golden = Golden(out, "no_commits", "three commits, a checkpoint, killed: the log has their records and no word of a commit")

    def steps(golden):
        golden.open()
        insert(golden, 1, 2, 3)
        golden.do("wal_checkpoint")

    golden.live(steps)
    golden.finish()


def uncommitted(out):
    golden = Golden(out, "uncommitted", "two commits, killed; opened, and two nodes of the direct API, which no commit record follows, and killed")

    def first(golden):
        golden.open()
        insert(golden, 1, 2)

    def second(golden):
        golden.open()
        golden.db.create_node(["K"], {"i": 3})
        golden.db.create_node(["K"], {"i": 4})

    for steps in (first, second):
        golden.live(steps)
    golden.finish()


def rolled_back(out):
    golden = Golden(out, "rolled_back", "a commit, a transaction that is rolled back, a commit, killed: the log has the records of all three, and two commits")

    def steps(golden):
        golden.open()
        insert(golden, 1)
        transaction = golden.db.begin_transaction()
        transaction.execute("INSERT (:K {i: 2})")
        transaction.rollback()
        insert(golden, 3)

    golden.live(steps)
    golden.finish()


FORCE_DISK = {"section_tiers": {"VectorStore": "force_disk"}}


def embeddings(golden, *numbers):
    """With values that single precision has exactly."""
    for number in numbers:
        golden.query(f"INSERT (:W {{i: {number}, emb: vector([{number}.0, 1.0, 0.5, 0.25])}})")


def spilled(out):
    golden = Golden(out, "spilled", "three embeddings and a vector index, closed; opened so that the embeddings are moved out, one more, a checkpoint, one more, killed")

    def first(golden):
        golden.open()
        embeddings(golden, 1, 2, 3)
        golden.do("create_vector_index", "W", "emb", 4)
        golden.db.close()

    def second(golden):
        golden.open(**FORCE_DISK)
        embeddings(golden, 4)
        golden.do("wal_checkpoint")
        embeddings(golden, 5)

    golden.live(first)
    golden.live(second)
    golden.finish()


def spilled_since(out):
    golden = Golden(out, "spilled_since", "three embeddings and a vector index, closed; opened so that the embeddings are moved out, killed")

    def first(golden):
        golden.open()
        embeddings(golden, 1, 2, 3)
        golden.do("create_vector_index", "W", "emb", 4)
        golden.db.close()

    golden.live(first)
    golden.live(lambda golden: golden.open(**FORCE_DISK))
    golden.finish()


FIXTURES = {
    "0.5.34": [no_commits],
    "0.5.36": [kept_log_checkpoint, kept_log_backup, rolled_back],
    "0.5.43": [kept_log_reopened, uncommitted],
    "0.5.44": [spilled, spilled_since],
}

if __name__ == "__main__":
    for make in FIXTURES.get(grafeo.__version__, []):
        make(sys.argv[1])
