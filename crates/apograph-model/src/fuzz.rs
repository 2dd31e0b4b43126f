//! Every fuzz target: those of the decoders, also of vaults, and the one over a whole repository.

mod vault;
mod wrapped;

use apograph_format::Generation;
use apograph_testing::fuzz::{FuzzTarget, TARGETS};

use crate::op::{BackupMode, Damage, DamageKind, Op, RandomScenario, Shape};
use crate::run::{Effort, run};

pub use vault::{catalog, catalog_hint, vault_head};
pub use wrapped::{encrypted, wrapped};

/// The targets over the objects of a vault.
pub const VAULTS: &[FuzzTarget] = &[
    FuzzTarget {
        name: "catalog",
        run: catalog,
        seeds: vault::catalogs,
    },
    FuzzTarget {
        name: "catalog_hint",
        run: catalog_hint,
        seeds: vault::hints,
    },
    FuzzTarget {
        name: "encrypted",
        run: encrypted,
        seeds: wrapped::all_encrypted,
    },
    FuzzTarget {
        name: "vault_head",
        run: vault_head,
        seeds: vault::heads,
    },
    FuzzTarget {
        name: "wrapped",
        run: wrapped,
        seeds: wrapped::all_wrapped,
    },
];

/// The target over a whole repository.
pub const REPOSITORY: FuzzTarget = FuzzTarget {
    name: "repository",
    run: repository,
    seeds,
};

/// Every fuzz target, by name.
pub fn targets() -> Vec<FuzzTarget> {
    let mut targets = TARGETS.to_vec();
    targets.extend(VAULTS);
    targets.push(REPOSITORY);
    targets.sort_by_key(|target| target.name);
    targets
}

/// Lets a scenario happen: a history, its backups, damage to them, and what restores give.
///
/// # Panics
///
/// Where a restore gives another state than the database was in, or what was captured is not there.
pub fn repository(data: &[u8]) {
    run(&RandomScenario::decode(data), Effort::SOME);
}

const COMMIT: Op = Op::Commit(Shape::of(1, 1, 9));
const BIG: Op = Op::Commit(Shape {
    is_forged: true,
    ..Shape::of(3, 3, 90)
});
const CHANGE: Op = Op::Change(Shape::of(1, 1, 5));
const AUTO: Op = Op::Backup(BackupMode::Auto);
const FULL: Op = Op::Backup(BackupMode::Full);
const INCREMENTAL: Op = Op::Backup(BackupMode::Incremental);

fn seeds() -> Vec<Vec<u8>> {
    let out_of_order = Op::OutOfOrder(Shape::default());
    let crash = |lost_bytes| Op::Crash { lost_bytes };
    let damage = |kind, file, place| Op::Damage(Damage { kind, file, place });
    let flip = |file, place| damage(DamageKind::Flip, file, place);
    let lost = Op::Rebuild { is_lost: true };
    let scenarios: [&[Op]; 9] = [
        &[COMMIT, AUTO, COMMIT, CHANGE, INCREMENTAL, BIG, COMMIT, AUTO],
        &[
            COMMIT,
            Op::Checkpoint,
            COMMIT,
            FULL,
            COMMIT,
            AUTO,
            FULL,
            COMMIT,
            AUTO,
            lost,
        ],
        &[
            COMMIT,
            AUTO,
            BIG,
            crash(30),
            Op::Open,
            COMMIT,
            AUTO,
            crash(0),
            COMMIT,
            AUTO,
        ],
        &[
            COMMIT,
            BIG,
            AUTO,
            crash(40),
            COMMIT,
            AUTO,
            COMMIT,
            INCREMENTAL,
        ],
        &[
            COMMIT,
            AUTO,
            COMMIT,
            Op::Close,
            AUTO,
            COMMIT,
            AUTO,
            Op::Close,
            Op::Open,
            COMMIT,
            AUTO,
        ],
        &[
            COMMIT,
            AUTO,
            out_of_order,
            COMMIT,
            Op::Mark,
            AUTO,
            Op::Rotate,
            out_of_order,
            Op::Checkpoint,
            AUTO,
        ],
        &[
            COMMIT,
            AUTO,
            Op::LoseCursor,
            COMMIT,
            Op::Checkpoint,
            COMMIT,
            AUTO,
            CHANGE,
            AUTO,
        ],
        &[
            COMMIT,
            AUTO,
            COMMIT,
            AUTO,
            flip(2, 40),
            COMMIT,
            AUTO,
            flip(0, 200),
            AUTO,
        ],
        &[
            COMMIT,
            AUTO,
            COMMIT,
            AUTO,
            COMMIT,
            AUTO,
            damage(DamageKind::Remove, 3, 0),
            lost,
            AUTO,
        ],
    ];
    let told = scenarios.into_iter().flat_map(|ops| {
        [Generation::One, Generation::Two].map(|generation| RandomScenario {
            generation,
            is_slow: false,
            ops: ops.to_vec(),
        })
    });
    told.map(|scenario| scenario.encode()).collect()
}
