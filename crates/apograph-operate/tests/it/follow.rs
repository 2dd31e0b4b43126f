//! Following a database: what a round does, what it tells, and what it costs.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use apograph_operate::capture::{Captured, Options, capture};
use apograph_operate::{
    Context, Follow, FollowError, FollowEvent, FollowStep, Follower, Repository,
};
use apograph_repository::format::{Code, UnixMillis};
use apograph_repository::io::{Clock, Folder, Mode, RealDisk};
use apograph_repository::manifest::SegmentContent;
use apograph_repository::vault::store::FolderStore;
use apograph_repository::{Location, init, init_vault, merge};
use apograph_testing::clock::ManualClock;
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_testing::store::{FaultyStore, RequestKind, StoreFault};

use crate::growing::{Growing, copy};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// What a capture asks of a store: whether another one committed, to take the segment, whether it is
/// whole, to take the version, and whether the one before it is still there.
const OF_A_CAPTURE: [RequestKind; 8] = [
    RequestKind::Size,
    RequestKind::Upload,
    RequestKind::Write,
    RequestKind::Write,
    RequestKind::Finish,
    RequestKind::Size,
    RequestKind::Create,
    RequestKind::Read,
];

/// A database that is followed, by a clock that nobody waits for.
struct Scene {
    database: Growing,
    clock: ManualClock,
    store: Arc<FaultyStore<'static>>,
}

impl Scene {
    /// The vault is in a store.
    fn of(fixtures: Fixtures) -> Self {
        Self::with_faults(fixtures, 0..0)
    }

    /// So many requests fail, from an index on.
    fn with_faults(fixtures: Fixtures, failing: std::ops::Range<usize>) -> Self {
        let database = Growing::of(fixtures);
        let vault = database.path("vault");
        init_vault(&vault, Context::default()).expect("a vault");
        let folder = Folder::open(&vault).expect("a folder");
        let clock = ManualClock::default();
        let store = FolderStore::new(&RealDisk, folder, Mode::PRIVATE);
        let store = FaultyStore::new(store, clock.clone());
        let store = failing.fold(store, |it, at| it.with_fault(at, StoreFault::Fails));
        Self {
            database,
            clock,
            store: Arc::new(store),
        }
    }

    fn location(&self) -> Location {
        Location::store(self.store.clone())
    }

    fn follow(&self) -> Follow {
        Follow {
            database: self.database.database(),
            repository: self.location(),
            every: None,
            full_every: None,
            retention: None,
        }
    }

    fn context(&self) -> Context<'_> {
        by(&self.clock)
    }

    /// How many commits are in the increments, which have no gap between them.
    fn commits(&self) -> u64 {
        let opened = Repository::open(self.location(), Context::default()).expect("opened");
        assert_eq!(opened.chain().gaps().count(), 0);
        let entries = opened.chain().entries().iter();
        let commits = entries.map(|entry| match &entry.content {
            Some(SegmentContent::Increment(increment)) => increment.commits,
            _ => 0,
        });
        commits.sum()
    }

    /// The newest epoch that can be restored.
    fn newest(&self) -> Option<u64> {
        let opened = Repository::open(self.location(), Context::default()).expect("opened");
        let last = opened.chain().restorable().pop();
        last.map(|range| range.to.get())
    }
}

fn by(clock: &ManualClock) -> Context<'_> {
    Context {
        clock,
        ..Context::default()
    }
}

fn now_ms(clock: &ManualClock) -> u64 {
    clock.now().get()
}

/// One round, a second after the one before. Returns what is told.
fn round(follower: &mut Follower<'_>, clock: &ManualClock) -> Vec<FollowEvent> {
    clock.pass(SECOND);
    let mut told = Vec::new();
    follower.round(&mut |event| told.push(event));
    told
}

#[test]
fn what_is_new_is_captured_and_what_is_not_opens_no_repository() {
    for fixtures in [V1, V2] {
        let mut scene = Scene::of(fixtures);
        let (clock, follow) = (scene.clock.clone(), scene.follow());
        let context = by(&clock);
        let mut follower = Follower::new(follow, context);
        let told = round(&mut follower, &clock);
        assert!(
            matches!(
                &told[..],
                [
                    FollowEvent::Ready { newest: None },
                    FollowEvent::Full { .. }
                ]
            ),
            "{told:?}"
        );
        assert_eq!(follower.is_vault(), Some(true));
        for _ in 0..3 {
            scene.database.commit(now_ms(&clock));
            let before = scene.store.requests().len();
            assert_eq!(round(&mut follower, &clock), []);
            let requests = scene.store.requests();
            let kinds: Vec<_> = requests[before..].iter().map(|it| it.kind).collect();
            assert_eq!(kinds, OF_A_CAPTURE);
            assert_eq!(scene.newest(), Some(scene.database.epoch()));
        }
        let figures = follower.figures();
        assert_eq!((figures.captures, figures.pending_bytes), (4, 0));
        assert_eq!(figures.point.map(|it| it.epoch.get()), scene.newest());
        assert!(figures.lag <= Some(2 * SECOND), "{figures:?}");
        // For a minute nothing is asked of the store, and then it is said that nothing is new.
        let asked = |scene: &Scene| scene.store.requests().len();
        let before = asked(&scene);
        for _ in 0..59 {
            assert_eq!(round(&mut follower, &clock), []);
        }
        assert_eq!(asked(&scene), before);
        assert_eq!(round(&mut follower, &clock), []);
        assert!(asked(&scene) > before);
        let until = Repository::open(scene.location(), context).expect("opened");
        let until = until.chain().covered_until();
        assert_eq!(until.map(UnixMillis::get), Some(now_ms(&clock)));
        assert_eq!(follower.figures().captures, 4);
    }
}

/// What is known of the vault from one round to the next is not what others made of it.
#[test]
fn others_who_commit_in_between_are_seen() {
    for fixtures in [V1, V2] {
        let mut scene = Scene::of(fixtures);
        let clock = scene.clock.clone();
        let (context, path) = (by(&clock), scene.database.database());
        let mut follower = Follower::new(scene.follow(), context);
        round(&mut follower, &clock);
        let (options, before) = (Options::default(), scene.commits());
        for turn in 0..8 {
            scene.database.commit(now_ms(&clock));
            if turn % 2 == 0 {
                let captured = capture(&path, scene.location(), &options, context);
                assert!(
                    matches!(captured, Ok(Captured::Added { .. })),
                    "{captured:?}"
                );
            }
            if turn % 4 < 2 {
                clock.pass(MINUTE);
                merge(scene.location(), context).expect("merged");
            }
            assert_eq!(round(&mut follower, &clock), []);
            assert_eq!(scene.newest(), Some(scene.database.epoch()));
        }
        assert_eq!(follower.figures().captures, 1 + 4);
        assert_eq!(scene.commits(), before + 8);
    }
}

/// Rounds come every second, be it that something is new or not, and whatever they find.
#[test]
fn a_round_comes_every_second() {
    let mut scene = Scene::of(V2);
    let clock = scene.clock.clone();
    let mut follower = Follower::new(scene.follow(), by(&clock));
    let begun = clock.running();
    for second in 1..=30 {
        if second % 3 == 0 {
            scene.database.commit(now_ms(&clock));
        }
        follower.round(&mut |_| ());
        follower.wait(&|| false);
        assert_eq!(clock.running().saturating_sub(begun), second * SECOND);
    }
    assert_eq!(follower.figures().captures, 11);
    let begun = clock.running();
    follower.wait(&|| true);
    assert_eq!(clock.running(), begun);
}

#[test]
fn a_store_that_is_away_is_told_once_and_what_was_committed_meanwhile_comes_after_it() {
    let mut quiet = Scene::of(V2);
    let clock = quiet.clock.clone();
    let mut follower = Follower::new(quiet.follow(), quiet.context());
    round(&mut follower, &clock);
    let begun = quiet.store.requests().len();
    drop(follower);
    quiet.database.commit(now_ms(&clock));

    let mut scene = Scene::with_faults(V2, begun..begun + 6);
    let clock = scene.clock.clone();
    let context = by(&clock);
    let mut follower = Follower::new(scene.follow(), context);
    round(&mut follower, &clock);
    scene.database.commit(now_ms(&clock));
    let told = round(&mut follower, &clock);
    let [FollowEvent::Failed { step, code, .. }] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(*step, FollowStep::Capture);
    let (code, mut seconds) = (*code, 0);
    let recovered = loop {
        scene.database.commit(now_ms(&clock));
        let mut told = round(&mut follower, &clock);
        seconds += 1;
        assert!(follower.figures().pending_bytes > 0 || !told.is_empty());
        if let Some(event) = told.pop() {
            assert_eq!(told, []);
            break event;
        }
    };
    let figures = follower.figures();
    let failures = figures.failures.get(code.as_str()).copied();
    // It was tried again after 1, 2, 4, 8, 15 and 15 seconds.
    let lasted = 45 * SECOND;
    let expected = FollowEvent::Recovered {
        step: FollowStep::Capture,
        code,
        failures: 6,
        lasted,
    };
    assert_eq!((recovered, failures), (expected, Some(6)));
    assert_eq!(seconds * SECOND, lasted);
    assert_eq!(scene.newest(), Some(scene.database.epoch()));
    assert!(figures.failing.is_none() && figures.lag_max >= Some(lasted));
}

/// Whatever happens to the database, the follower goes on, and captures nothing of another one.
#[test]
fn a_database_that_goes_away_or_is_another_one_is_told_and_waited_for() {
    for fixtures in [V1, V2] {
        let scene = Scene::of(fixtures);
        let clock = scene.clock.clone();
        let mut follower = Follower::new(scene.follow(), scene.context());
        round(&mut follower, &clock);
        let (path, aside) = (scene.database.database(), scene.database.path("aside"));
        let captured = scene.newest();

        fs::rename(&path, &aside).expect("moved");
        let told = round(&mut follower, &clock);
        assert!(
            matches!(&told[..], [FollowEvent::Failed { code: Code::Io, .. }]),
            "{told:?}"
        );
        for _ in 0..20 {
            assert_eq!(round(&mut follower, &clock), []);
        }
        fs::rename(&aside, &path).expect("back");
        let told = round(&mut follower, &clock);
        assert!(
            matches!(&told[..], [FollowEvent::Recovered { failures: 21, .. }]),
            "{told:?}"
        );

        // Deleted, and made anew.
        let other = Growing::of(fixtures);
        let log = path.with_extension("grafeo.wal");
        let kept = Growing::of(fixtures);
        fs::remove_dir_all(&log).expect("a log");
        let mut bytes = fs::read(other.database()).expect("a database");
        make_another(&mut bytes, fixtures);
        fs::write(&path, bytes).expect("written");
        let told = round(&mut follower, &clock);
        assert!(
            matches!(
                &told[..],
                [FollowEvent::Failed {
                    code: Code::ForeignDatabase,
                    ..
                }]
            ),
            "{told:?}"
        );
        for _ in 0..40 {
            assert_eq!(round(&mut follower, &clock), []);
        }
        assert_eq!(scene.newest(), captured);

        fs::remove_file(&path).expect("removed");
        fs::copy(kept.database(), &path).expect("a copy");
        fs::create_dir(&log).expect("a log");
        copy(&kept.path("src.grafeo.wal"), &log);
        let mut told = Vec::new();
        for _ in 0..20 {
            told.extend(round(&mut follower, &clock));
        }
        assert!(
            matches!(
                told.last(),
                Some(FollowEvent::Recovered {
                    code: Code::ForeignDatabase,
                    ..
                })
            ),
            "{told:?}"
        );
    }
}

/// Another identity: the time of creation, which both generations have in the header.
fn make_another(bytes: &mut [u8], fixtures: Fixtures) {
    use apograph_testing::encoding::{PAGE_BYTES, v1, v2};
    if fixtures.generation().number() == 1 {
        let header = v1::file_header(1_234_567, "0.5.44");
        bytes[..PAGE_BYTES].copy_from_slice(&header[..PAGE_BYTES]);
    } else {
        let header = v2::file_header(77, 1_234_567, "0.6.1");
        bytes[..header.len()].copy_from_slice(&header);
    }
}

#[test]
fn a_close_is_followed_by_a_full_backup_or_by_nothing() {
    for fixtures in [V1, V2] {
        let mut scene = Scene::of(fixtures);
        let clock = scene.clock.clone();
        let context = by(&clock);
        let mut follower = Follower::new(scene.follow(), context);
        round(&mut follower, &clock);
        scene.database.commit(now_ms(&clock));
        round(&mut follower, &clock);
        // The log is lost without a checkpoint: whoever closes writes the image first.
        scene.database.close();
        let told = round(&mut follower, &clock);
        assert!(
            matches!(
                &told[..],
                [FollowEvent::Failed {
                    code: Code::ChainBroken,
                    ..
                }]
            ),
            "{told:?}"
        );
        assert_eq!(round(&mut follower, &clock), []);
    }
}

#[test]
fn a_full_backup_is_taken_when_the_last_one_is_old_enough() {
    let mut scene = Scene::of(V2);
    let clock = scene.clock.clone();
    let context = by(&clock);
    let follow = Follow {
        full_every: Some(10 * MINUTE),
        ..scene.follow()
    };
    let mut follower = Follower::new(follow, context);
    round(&mut follower, &clock);
    let mut fulls = Vec::new();
    for second in 1..=(31 * 60) {
        if second % 7 == 0 {
            scene.database.commit(now_ms(&clock));
        }
        for event in round(&mut follower, &clock) {
            assert!(matches!(event, FollowEvent::Full { .. }), "{event:?}");
            fulls.push(second);
        }
    }
    assert!(
        matches!(fulls[..], [600..=602, 1200..=1204, 1800..=1806]),
        "{fulls:?}"
    );
}

#[test]
fn a_folder_takes_a_capture_every_five_minutes_and_no_more() {
    let mut database = Growing::of(V1);
    let clock = ManualClock::default();
    let context = by(&clock);
    let repository = database.path("backups");
    init(&repository, context).expect("a repository");
    let follow = Follow {
        database: database.database(),
        repository: repository.clone().into(),
        every: Some(MINUTE),
        full_every: None,
        retention: None,
    };
    let mut follower = Follower::new(follow.clone(), context);
    let refused = follower.open(&mut |_| ());
    assert!(matches!(refused, Err(FollowError::TooOften { .. })));
    let mut follower = Follower::new(
        Follow {
            every: None,
            ..follow
        },
        context,
    );
    follower.open(&mut |_| ()).expect("opened");
    assert_eq!(follower.is_vault(), Some(false));
    for _ in 0..900 {
        database.commit(now_ms(&clock));
        round(&mut follower, &clock);
    }
    assert_eq!(follower.figures().captures, 3);
    database.commit(now_ms(&clock));
    follower.finish(&mut |_| ()).expect("all of it");
    let opened = Repository::open(&repository, context).expect("opened");
    let last = opened.chain().restorable().pop().expect("a range");
    assert_eq!(last.to.get(), database.epoch());
}

#[test]
fn a_mistake_is_an_error_at_once() {
    let database = Growing::of(V1);
    let open = |name: &str, repository: &str| {
        let follow = Follow {
            database: database.path(name),
            repository: database.path(repository).into(),
            every: None,
            full_every: None,
            retention: None,
        };
        let mut follower = Follower::new(follow, Context::default());
        let error = follower.open(&mut |_| ()).expect_err("a mistake");
        (error.code(), error.may_pass())
    };
    init_vault(database.path("vault"), Context::default()).expect("a vault");
    fs::create_dir(database.path("empty")).expect("a folder");
    assert_eq!(open("nowhere.grafeo", "vault"), (Code::Io, false));
    assert_eq!(open("src.grafeo", "empty"), (Code::NotARepository, false));
    assert_eq!(open("src.grafeo", "none"), (Code::NotARepository, false));
    assert_eq!(
        open("vault/vault.json", "vault"),
        (Code::NotADatabase, false)
    );
}

/// What is at the path of the repository is the repository: where another folder is there by now, what is
/// captured goes there.
#[test]
fn a_vault_that_is_moved_away_is_not_followed() {
    let mut database = Growing::of(V2);
    let [vault, moved] = ["vault", "moved"].map(|name| database.path(name));
    init_vault(&vault, Context::default()).expect("a vault");
    let clock = ManualClock::default();
    let follow = Follow {
        database: database.database(),
        repository: Location::from(&vault),
        every: None,
        full_every: None,
        retention: None,
    };
    let mut follower = Follower::new(follow, by(&clock));
    round(&mut follower, &clock);
    database.commit(now_ms(&clock));
    assert_eq!(round(&mut follower, &clock), []);
    fs::rename(&vault, &moved).expect("moved");
    for folder in ["", "catalog", "segments"] {
        fs::create_dir(vault.join(folder)).expect("a folder");
        for entry in fs::read_dir(moved.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name");
                fs::copy(&path, vault.join(folder).join(name)).expect("copied");
            }
        }
    }
    let before = database.epoch();
    database.commit(now_ms(&clock));
    round(&mut follower, &clock);
    let newest = |vault: &std::path::Path| {
        let opened = Repository::open(vault, Context::default()).expect("opened");
        opened
            .chain()
            .restorable()
            .pop()
            .map(|range| range.to.get())
    };
    assert_eq!(newest(&vault), Some(database.epoch()));
    assert_eq!(newest(&moved), Some(before));
}
