//! The workloads, and the folder that they are made in once.

use std::fs;
use std::path::{Path, PathBuf};

use apograph_format::{Generation, log_folder};
use tempfile::TempDir;

use crate::repository::{
    DATABASE, Increments, REPOSITORY, TARGET, make_chain, make_chain_of_filled, make_logged,
    make_uncaptured,
};
use crate::{Frames, Result, database, engine, many};

/// What stands in a finished workload. A change to a workload is another recipe.
const DONE: &str = "done";
const RECIPE: u32 = 1;

/// Something to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// A log of small frames that no backup has.
    Small,
    /// A log of 1 GiB of large frames that no backup has, and a full backup before it.
    Large,
    /// A database file of 1 GiB that is closed.
    Database,
    /// A full backup of 256 MiB (in generation 2, of an empty database) and 100 increments.
    Chain,
    /// A database of which everything is in its log, of 490 MB, and no backup of it.
    Logged,
    /// A full backup of an empty database, and as many bytes in 10 increments.
    Captured,
    /// The same by the engine's own backups.
    Exported,
    /// A full backup and 10 increments, and a log after them.
    Ten,
    /// A full backup and 1,000 increments, and a log after them.
    Thousand,
    /// 10,000 segments.
    Fewer,
    /// 100,000 segments.
    Many,
}

impl Workload {
    /// All of a generation.
    pub const fn all(generation: Generation) -> &'static [Self] {
        match generation {
            Generation::One => &[
                Self::Small,
                Self::Large,
                Self::Database,
                Self::Chain,
                Self::Logged,
                Self::Captured,
                Self::Exported,
                Self::Ten,
                Self::Thousand,
                Self::Fewer,
                Self::Many,
            ],
            Generation::Two => &[
                Self::Small,
                Self::Large,
                Self::Chain,
                Self::Ten,
                Self::Thousand,
            ],
        }
    }

    /// The name of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
            Self::Database => "database",
            Self::Chain => "chain",
            Self::Logged => "logged",
            Self::Captured => "captured",
            Self::Exported => "exported",
            Self::Ten => "ten",
            Self::Thousand => "thousand",
            Self::Fewer => "fewer",
            Self::Many => "many",
        }
    }
}

/// How large the workloads are.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    small_commits: u64,
    large_commits: u64,
    database_bytes: u64,
    chain_image_bytes: u64,
    chain: Increments,
    logged: Increments,
    ten: u64,
    thousand: u64,
    short_commits: u64,
    uncaptured_commits: u64,
    fewer: u64,
    many: u64,
}

impl Scale {
    /// What is measured.
    pub const FULL: Self = Self {
        small_commits: 1_250_000,
        large_commits: 250_000,
        database_bytes: 1 << 30,
        chain_image_bytes: 256 << 20,
        chain: Increments {
            count: 100,
            commits: 2_500,
        },
        logged: Increments {
            count: 10,
            commits: 11_700,
        },
        ten: 10,
        thousand: 1_000,
        short_commits: 64,
        uncaptured_commits: 4_096,
        fewer: 10_000,
        many: 100_000,
    };

    /// What a test takes.
    pub const SMOKE: Self = Self {
        small_commits: 200,
        large_commits: 20,
        database_bytes: 64 << 10,
        chain_image_bytes: 64 << 10,
        chain: Increments {
            count: 3,
            commits: 4,
        },
        logged: Increments {
            count: 2,
            commits: 4,
        },
        ten: 2,
        thousand: 4,
        short_commits: 4,
        uncaptured_commits: 8,
        fewer: 10,
        many: 40,
    };
}

/// The folder of the workloads.
#[derive(Debug)]
pub struct Workloads {
    folder: PathBuf,
    scale: Scale,
    _temporary: Option<TempDir>,
}

impl Workloads {
    /// Those of a folder; each is made when it is asked for, unless it is there.
    pub const fn new(folder: PathBuf, scale: Scale) -> Self {
        Self {
            folder,
            scale,
            _temporary: None,
        }
    }

    /// Those for a benchmark, as the head of this crate says.
    ///
    /// # Errors
    ///
    /// What the operating system says, or that no folder is named.
    pub fn of_benchmarks() -> Result<Self> {
        if std::env::args().any(|word| word == "--bench") {
            let folder = std::env::var_os("APOGRAPH_BENCH_FOLDER");
            let folder =
                folder.ok_or("APOGRAPH_BENCH_FOLDER is not set: run `cargo xtask bench`")?;
            return Ok(Self::new(folder.into(), Scale::FULL));
        }
        let temporary = tempfile::tempdir()?;
        Ok(Self {
            folder: temporary.path().to_owned(),
            scale: Scale::SMOKE,
            _temporary: Some(temporary),
        })
    }

    /// Makes every workload that is not there, or those of some names, and tells the name of each
    /// before.
    ///
    /// # Errors
    ///
    /// What the engine or the operating system says.
    pub fn prepare(&self, names: &[&str], tell: impl Fn(&str)) -> Result<()> {
        for generation in crate::GENERATIONS {
            for &workload in Workload::all(generation) {
                let name = relative(workload, generation);
                if names.is_empty() || names.contains(&name.as_str()) {
                    tell(&name);
                    self.folder(workload, generation)?;
                }
            }
        }
        Ok(())
    }

    /// The folder of a workload.
    ///
    /// # Errors
    ///
    /// What the engine or the operating system says.
    pub fn folder(&self, workload: Workload, generation: Generation) -> Result<PathBuf> {
        let folder = self.folder.join(relative(workload, generation));
        let done = folder.join(DONE);
        let recipe = format!("{RECIPE} {:?}\n", self.scale);
        if fs::read_to_string(&done).is_ok_and(|it| it == recipe) {
            return Ok(folder);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        self.make(&folder, workload, generation)?;
        fs::write(done, recipe)?;
        Ok(folder)
    }

    /// The database of a workload.
    ///
    /// # Errors
    ///
    /// As [`Workloads::folder`].
    pub fn database(&self, workload: Workload, generation: Generation) -> Result<PathBuf> {
        Ok(self.folder(workload, generation)?.join(DATABASE))
    }

    /// The log folder of a workload.
    ///
    /// # Errors
    ///
    /// As [`Workloads::folder`].
    pub fn log(&self, workload: Workload, generation: Generation) -> Result<PathBuf> {
        Ok(log_folder(&self.database(workload, generation)?))
    }

    /// The repository of a workload.
    ///
    /// # Errors
    ///
    /// As [`Workloads::folder`].
    pub fn repository(&self, workload: Workload, generation: Generation) -> Result<PathBuf> {
        Ok(self.folder(workload, generation)?.join(REPOSITORY))
    }

    /// The epoch in the middle of the last increment of a workload.
    ///
    /// # Errors
    ///
    /// As [`Workloads::folder`].
    pub fn target(&self, workload: Workload, generation: Generation) -> Result<u64> {
        let target = self.folder(workload, generation)?.join(TARGET);
        Ok(fs::read_to_string(target)?.parse()?)
    }

    fn make(&self, folder: &Path, workload: Workload, generation: Generation) -> Result<()> {
        let scale = &self.scale;
        let short = |count| {
            let increments = Increments {
                count,
                commits: scale.short_commits,
            };
            let uncaptured = scale.uncaptured_commits;
            make_chain(folder, generation, Frames::Large, increments, uncaptured)
        };
        match workload {
            Workload::Small => {
                let commits = match generation {
                    Generation::One => scale.small_commits,
                    // Half the bytes: a commit is one frame.
                    Generation::Two => 2 * scale.small_commits,
                };
                make_uncaptured(folder, generation, Frames::Small, commits)
            }
            Workload::Large => {
                make_uncaptured(folder, generation, Frames::Large, scale.large_commits)
            }
            Workload::Database => {
                let path = folder.join(DATABASE);
                database::create_filled(&path, scale.database_bytes)?.close()?;
                Ok(())
            }
            Workload::Chain if generation == Generation::One => {
                make_chain_of_filled(folder, scale.chain_image_bytes, Frames::Large, scale.chain)
            }
            Workload::Chain => make_chain(folder, generation, Frames::Large, scale.chain, 0),
            Workload::Logged => {
                let commits = scale.logged.count * scale.logged.commits;
                make_logged(folder, generation, Frames::Large, commits)
            }
            Workload::Captured => make_chain(folder, generation, Frames::Large, scale.logged, 0),
            Workload::Exported => engine::make_chain_by_engine(folder, scale.logged),
            Workload::Ten => short(scale.ten),
            Workload::Thousand => short(scale.thousand),
            Workload::Fewer => many::make(folder, scale.fewer),
            Workload::Many => many::make(folder, scale.many),
        }
    }
}

fn relative(workload: Workload, generation: Generation) -> String {
    format!("v{}/{}", generation.number(), workload.name())
}
