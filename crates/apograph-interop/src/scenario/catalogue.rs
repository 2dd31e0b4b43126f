//! The scenarios of both generations.

use super::{Scenario, Step};
use crate::generation::EngineGeneration;
use crate::protocol::{Call, Durability, Load, OpenOptions};

/// Every scenario of a generation. With the feature `temporal`, which changes the engine of
/// generation 1 everywhere, that one has `20_temporal_schema` alone.
pub fn scenarios(generation: EngineGeneration) -> Vec<Scenario> {
    if cfg!(feature = "temporal") && generation == EngineGeneration::One {
        return vec![schema("20_temporal_schema")];
    }
    let mut scenarios = vec![
        full_only(),
        chain_of_40(),
        two_fulls(),
        rotation(generation),
        schema("05_schema"),
        transactions(),
        named_graphs(),
        torn_tail(),
        values(),
        live(),
        checkpoints_and_cursor(),
        crash_in_chain(),
        close_in_chain(),
        torn_in_chain(),
        concurrent("15_concurrent", 0).only_in(EngineGeneration::One),
        concurrent("15_concurrent_incr", 6),
        direct_api(generation),
        big_group().only_in(EngineGeneration::Two),
        wal_directory().only_in(EngineGeneration::One),
        sync_markers().only_in(EngineGeneration::Two),
        mixed_lives().only_in(EngineGeneration::One),
    ];
    scenarios.retain(|scenario| scenario.only_in.is_none_or(|it| it == generation));
    scenarios
}

fn full_only() -> Scenario {
    let scenario = Scenario::new("01_full_only", "five commits, then one full backup");
    ["Alix", "Gus", "Vincent", "Jules", "Mia"]
        .iter()
        .fold(scenario, |scenario, name| {
            scenario.run(format!("INSERT (:Person {{name:'{name}'}})"))
        })
        .full()
}

fn chain_of_40() -> Scenario {
    let about = "full + 3 incrementals, 40 epochs: inserts, updates, deletes, edges, labels";
    (1..=40).fold(Scenario::new("02_chain40", about), |scenario, epoch| {
        let first = (epoch - 1) / 8 * 8 + 1;
        let second = first + 1;
        let a = format!("MATCH (a:Person {{n:{second}}})");
        let scenario = scenario.run(match epoch - first {
            0..=2 => format!("INSERT (:Person {{name:'p{epoch}', n:{epoch}}})"),
            3 => format!(
                "MATCH (a:Person {{n:{first}}}), (b:Person {{n:{second}}}) \
                 INSERT (a)-[:KNOWS {{since:{epoch}, w:{epoch}.5}}]->(b)"
            ),
            4 => format!("{a} SET a.name = 'renamed{epoch}', a.extra = true"),
            5 => format!("{a} SET a:Vip"),
            6 => format!("{a} REMOVE a.extra"),
            _ => format!("MATCH (a:Person {{n:{first}}}) DETACH DELETE a"),
        });
        match epoch {
            7 => scenario.full(),
            18 | 29 | 40 => scenario.incremental(),
            _ => scenario,
        }
    })
}

fn two_fulls() -> Scenario {
    Scenario::new("03_two_fulls", "full, incr, incr, full, incr")
        .inserts("P", 1..=3)
        .full()
        .inserts("P", 4..=6)
        .incremental()
        .inserts("P", 7..=9)
        .incremental()
        .inserts("P", 10..=11)
        .full()
        .inserts("P", 12..=15)
        .incremental()
}

fn rotation(generation: EngineGeneration) -> Scenario {
    let about = match generation {
        EngineGeneration::One => {
            "rotations between groups (source, backup); \
             source_midgroup: groups that span WAL files"
        }
        EngineGeneration::Two => "rotations between groups",
    };
    let scenario = Scenario::new("04_rotation", about)
        .inserts("R", 1..=1)
        .full();
    let scenario = (2..=10).fold(scenario, |scenario, i| {
        let scenario = scenario.run(format!(
            "INSERT (:R {{i:{i}, s:'abcdefghijklmnopqrstuvwxyz'}})"
        ));
        match i {
            3 | 9 => scenario.then(Step::Rotate),
            6 => scenario.then(Step::Rotate).incremental(),
            10 => scenario.incremental(),
            _ => scenario,
        }
    });
    let scenario = scenario.then(Step::Snapshot("source"));
    if generation == EngineGeneration::Two {
        return scenario;
    }
    Scenario {
        notes: &[
            "source_midgroup has no checkpoint.meta: every record is replayed over the \
                  container (idempotent)",
        ],
        ..scenario.then(Step::SnapshotInSmallFiles("source_midgroup"))
    }
}

fn schema(name: &'static str) -> Scenario {
    let about = "DDL and index statements between epochs, before each backup and at the very end";
    Scenario::new(name, about)
        .run("INSERT (:Person {name:'Alix', email:'a@x'})")
        .full()
        .run("CREATE NODE TYPE Robot (serial STRING NOT NULL)")
        .run("INSERT (:Robot {serial:'r1'})")
        .run("CREATE EDGE TYPE OWNS (since INT64)")
        .incremental()
        .run("INSERT (:Robot {serial:'r2'})")
        .run("CREATE INDEX idx_name FOR (n:Person) ON (n.name)")
        .run("CREATE CONSTRAINT uniq_email FOR (n:Person) ON (n.email) UNIQUE")
        .run("INSERT (:Person {name:'Gus', email:'g@x'})")
        .run("CREATE GRAPH TYPE social (NODE TYPE Member (name STRING))")
        .run("ALTER NODE TYPE Robot ADD PROPERTY weight INT64")
        .incremental()
        .run("CREATE SCHEMA hr")
        .run("INSERT (:Robot {serial:'r3', weight:7})")
        .run("DROP EDGE TYPE OWNS")
        .run("CREATE NODE TYPE Last (x INT64)")
        .incremental()
        .then(Step::Snapshot("source"))
}

fn transactions() -> Scenario {
    let about = "explicit multi-statement transactions, rollbacks, an empty and a read-only \
                 transaction, a failing statement";
    Scenario::new("06_transactions", about)
        .inserts("A", 1..=1)
        .full()
        .run(
            "START TRANSACTION; INSERT (:A {i:2}); INSERT (:A {i:3}); \
             MATCH (a:A {i:2}) SET a.k = 'v'; COMMIT",
        )
        .run("START TRANSACTION; INSERT (:A {i:99}); ROLLBACK")
        .run("START TRANSACTION; COMMIT")
        .run("START TRANSACTION; MATCH (n) RETURN count(n); COMMIT")
        .incremental()
        .run(
            "START TRANSACTION; INSERT (:A {i:4}); SAVEPOINT s1; INSERT (:A {i:98}); \
             ROLLBACK TO SAVEPOINT s1; INSERT (:A {i:5}); COMMIT",
        )
        .run("INSERT (:A {i:1/0})")
        .run("MATCH (a:A {i:1}) SET a.j = 10")
        .run("START TRANSACTION; INSERT (:A {i:6}); CREATE NODE TYPE InTx (x INT64); ROLLBACK")
        .run("MATCH (a:A {i:3}) DELETE a")
        .incremental()
}

fn named_graphs() -> Scenario {
    let about = "CREATE GRAPH, writes to named and default graphs in one transaction, DROP GRAPH, \
                 schema-scoped graph";
    Scenario::new("07_named_graphs", about)
        .inserts("Root", 1..=1)
        .run("CREATE GRAPH g0")
        .run("USE GRAPH g0; INSERT (:G0 {i:1})")
        .full()
        .run("CREATE GRAPH g1")
        .run("USE GRAPH g1; INSERT (:G1 {i:1})-[:R {w:1}]->(:G1 {i:2})")
        .inserts("Root", 2..=2)
        .incremental()
        .run(
            "START TRANSACTION; INSERT (:Root {i:3}); USE GRAPH g1; INSERT (:G1 {i:3}); \
             USE GRAPH g0; INSERT (:G0 {i:2}); COMMIT",
        )
        .run("USE GRAPH g1; MATCH (n:G1 {i:1}) SET n.k = 'x'")
        .run("DROP GRAPH g0")
        .run("CREATE GRAPH g2")
        .incremental()
        .run("USE GRAPH g2; INSERT (:G2 {i:1})")
        .inserts("Root", 4..=4)
        .run("CREATE GRAPH g3")
        .incremental()
        .then(Step::Snapshot("source"))
}

fn torn_tail() -> Scenario {
    let about = "the same live source cut 9 and 23 bytes before its end (source_cutN), \
                 and with 64 garbage bytes appended";
    (1..=5)
        .fold(Scenario::new("08_torn_tail", about), |scenario, i| {
            scenario.run(format!("INSERT (:T {{i:{i}, s:'tail-{i}'}})"))
        })
        .then(Step::Snapshot("source"))
        .then(Step::Kill)
        .then(Step::AppendGarbage { bytes: 64 })
        .then(Step::Snapshot("source_garbage"))
        .then(Step::TearTail { bytes: 64 + 9 })
        .then(Step::Snapshot("source_cut9"))
        .then(Step::TearTail { bytes: 23 - 9 })
        .then(Step::Snapshot("source_cut23"))
}

fn values() -> Scenario {
    let about = "long strings, unicode, lists, maps, temporal values, extreme numbers";
    Scenario::new("09_values", about)
        .inserts("V", 0..=0)
        .full()
        .run(format!(
            "INSERT (:V {{i:1, s:'{}'}})",
            "lorem ipsum ".repeat(700)
        ))
        .run("INSERT (:`Straße` {`ключ`:'Ünïcödé 漢字 🦀 \u{301}e', i:2})")
        .run("INSERT (:V {i:3, l:[1,2,[3,'vier',null,true]], e:[], m:{a:1, b:{c:'d', l:[1.5]}}})")
        .run(
            "INSERT (:V {i:4, d:DATE '2026-02-28', t:TIME '23:59:59.123456789', \
             dt:DATETIME '1969-12-31T23:59:59', z:ZONED DATETIME '2024-01-15T14:30:00+05:30', \
             du:DURATION 'P1Y2M3DT4H5M6S'})",
        )
        .run(
            "INSERT (:V {i:5, big:9223372036854775807, small:-9223372036854775807, neg:-1, \
             f:1.0e308, g:-0.0, h:0.1, b:false, n:null, empty:''})",
        )
        .incremental()
        .run("MATCH (v:V {i:1}) SET v.s = 'short'")
        .run(
            "MATCH (v:V {i:3}), (w:V {i:4}) \
             INSERT (v)-[:HAS {on:DATE '1900-01-01', tags:['x','y'], m:{k:[1,2]}}]->(w)",
        )
        .run(
            "MATCH (v:V {i:5}) SET v.big = v.big - 1, \
             v.l = [250,251,252,65535,65536,4294967295,4294967296]",
        )
        .incremental()
}

fn live() -> Scenario {
    let about = "unclosed source: checkpoint in the middle, commits after it; \
                 source_precheckpoint has an empty container and everything in the WAL";
    Scenario::new("10_live", about)
        .inserts("L", 1..=4)
        .then(Step::Snapshot("source_precheckpoint"))
        .then(Step::Checkpoint)
        .inserts("L", 5..=8)
        .run("CREATE NODE TYPE Tail (x INT64)")
        .then(Step::Snapshot("source"))
}

fn checkpoints_and_cursor() -> Scenario {
    let about = "full, then three checkpoints without a backup (the cursor holds the WAL files), \
                 an incremental, two more checkpoints";
    Scenario::new("11_checkpoints_cursor", about)
        .inserts("C", 1..=1)
        .full()
        .inserts("C", 2..=2)
        .then(Step::Checkpoint)
        .inserts("C", 3..=3)
        .then(Step::Checkpoint)
        .inserts("C", 4..=4)
        .then(Step::Checkpoint)
        .then(Step::Snapshot("source_before_incr"))
        .inserts("C", 5..=5)
        .incremental()
        .inserts("C", 6..=6)
        .then(Step::Checkpoint)
        .inserts("C", 7..=7)
        .then(Step::Checkpoint)
        .inserts("C", 8..=8)
}

fn crash_in_chain() -> Scenario {
    let about = "full, incr, kill + reopen (clean end of log), commits, incr: \
                 what the epoch numbers and the chain do";
    Scenario::new("12_crash_in_chain", about)
        .inserts("K", 1..=3)
        .full()
        .inserts("K", 4..=6)
        .incremental()
        .inserts("K", 7..=7)
        .then(Step::Kill)
        .recover()
        .inserts("K", 8..=9)
        .incremental()
        .then(Step::Snapshot("source"))
}

fn close_in_chain() -> Scenario {
    let about = "full, incr, orderly close + reopen, commits, incr, full, commits, incr";
    Scenario::new("13_close_in_chain", about)
        .inserts("K", 1..=3)
        .full()
        .inserts("K", 4..=4)
        .incremental()
        .inserts("K", 5..=5)
        .reopen()
        .inserts("K", 6..=6)
        .incremental()
        .full()
        .inserts("K", 7..=7)
        .incremental()
}

fn torn_in_chain() -> Scenario {
    let about = "full, commits, kill with the last frame cut 3 bytes short, reopen (the tail is \
                 sealed), more commits, incr";
    Scenario::new("14_torn_in_chain", about)
        .inserts("T", 1..=1)
        .full()
        .inserts("T", 2..=3)
        .then(Step::Kill)
        .then(Step::TearTail { bytes: 3 })
        .recover()
        .inserts("T", 4..=5)
        .incremental()
}

fn concurrent(name: &'static str, backups_meanwhile: u64) -> Scenario {
    let about = "8 sessions commit one node per epoch, concurrently; with incrementals taken \
                 meanwhile when the name says so";
    let load = Load::of(8, 30).labelled("Q");
    let scenario = Scenario::new(name, about)
        .inserts("Q", 0..=0)
        .full()
        .then(Step::Concurrent {
            load,
            backups_meanwhile,
        })
        .incremental();
    Scenario {
        nodes_equal_epoch: true,
        ..scenario
    }
}

fn direct_api(generation: EngineGeneration) -> Scenario {
    let about = match generation {
        EngineGeneration::One => {
            "create_node / set_node_property / create_edge / delete on the database handle, \
             batch_create_nodes, property index API"
        }
        EngineGeneration::Two => {
            "create_node / set_node_property / create_edge / delete on the database handle, \
             property index API"
        }
    };
    let labels = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect();
    Scenario::new("16_direct_api", about)
        .inserts("D", 1..=1)
        .full()
        .then(Step::Call(Call::CreateNode {
            labels: labels(&["D", "E"]),
        }))
        .then(Step::Call(Call::CreateNode {
            labels: labels(&["D"]),
        }))
        .then(Step::Call(Call::SetNodeProperty {
            node: 1,
            key: "k".into(),
            value: "v".into(),
        }))
        .then(Step::Call(Call::CreateEdge {
            src: 1,
            dst: 2,
            edge_type: "LINK".into(),
        }))
        .then(Step::Call(Call::CreatePropertyIndex {
            property: "k".into(),
        }))
        .incremental()
        .then(Step::Call(Call::DeleteEdge { edge: 0 }))
        .then(Step::Call(Call::CreateGraph {
            name: "api_graph".into(),
        }))
        .incremental()
}

fn big_group() -> Scenario {
    let about = "one transaction over the 64 KiB frame target (FIRST, middle, LAST frames), one \
                 record of 70 kB";
    let inserts: Vec<_> = (0..24)
        .map(|i| format!("INSERT (:B {{i:{i}, s:'{}'}})", "z".repeat(3000)))
        .collect();
    Scenario::new("17_big_group", about)
        .inserts("B", 0..=0)
        .full()
        .then(Step::RunAs {
            op: format!("START TRANSACTION; {}; COMMIT", inserts.join("; ")),
            told: "24 INSERTs of 3 kB in one transaction",
        })
        .run(format!("INSERT (:B {{i:100, s:'{}'}})", "y".repeat(70_000)))
        .run("MATCH (b:B) WHERE b.i > 0 DETACH DELETE b")
        .incremental()
}

fn wal_directory() -> Scenario {
    let about = "WAL-directory storage format: the log is the only copy; closed once (close() \
                 logs a bare TransactionCommit), reopened, then copied live";
    let scenario = Scenario::new("17_wal_directory", about)
        .inserts("W", 1..=2)
        .then(Step::Close)
        .then(Step::Open)
        .inserts("W", 3..=3)
        .full()
        .then(Step::Snapshot("source"));
    Scenario {
        database: "db",
        ..scenario
    }
}

fn sync_markers() -> Scenario {
    let about = "durability Sync: the log holds sync markers (one FIRST|LAST frame of \
                 transaction 1, 8 payload bytes)";
    let scenario = Scenario::new("18_sync_markers", about)
        .inserts("S", 1..=1)
        .full()
        .inserts("S", 2..=5)
        .incremental()
        .inserts("S", 6..=6);
    Scenario {
        options: OpenOptions {
            durability: Some(Durability::Sync),
            ..OpenOptions::default()
        },
        ..scenario
    }
}

fn mixed_lives() -> Scenario {
    let about = "full, incr with an update, close + reopen, a newer update, full: \
                 the chain of the first life leaks into the second";
    (1..=3)
        .fold(Scenario::new("19_mixed_lives", about), |scenario, i| {
            scenario.run(format!("INSERT (:M {{i:{i}, v:'old'}})"))
        })
        .full()
        .run("MATCH (m:M {i:1}) SET m.v = 'life 0'")
        .incremental()
        .reopen()
        .run("MATCH (m:M {i:1}) SET m.v = 'life 1'")
        .full()
        .run("INSERT (:M {i:4, v:'life 1'})")
        .incremental()
}
