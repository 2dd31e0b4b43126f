//! A disk whose power can be cut.
//!
//! [`SimDisk`] writes through the real one, below one folder, and keeps two images of it: what a
//! process sees, which is what really lies there, and what would be left if the power went now.
//! The second one is strict. Of a file it has the bytes of the last sync, of a folder the names of
//! the last sync of that folder; a name and the bytes after it are made durable apart. Whatever
//! is not synced may be lost, torn, or there after all, in any combination: [`SimDisk::survivals`]
//! tells which there are, [`SimDisk::cut`] makes the folder that is found when the power is back.
//!
//! A [`Fault`] strikes at one operation. After a sync that failed, the pages that it was about are
//! gone for good, as in Linux: a second sync reports success and changes nothing.
//!
//! [`ContendedDisk`] is the real one with another command at it.

mod contended;
mod handle;
mod image;
mod survival;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apograph_io::{
    Access, At, Disk, DiskFile, Folder, IoError, Lack, Mode, RealDisk, Rename, Result,
};

pub use contended::ContendedDisk;
use handle::{Inode, held_open};
use image::Durable;
pub use survival::{Data, Survival};

/// What happens at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power goes before it: it and everything after it fails and does nothing.
    PowerCut,
    /// It fails, once, and does nothing.
    Fails(io::ErrorKind),
    /// A write or a copy that says it succeeded, and wrote one bit wrong. Other operations are not
    /// struck.
    WritesWrong,
}

/// An operation that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What it does.
    pub name: &'static str,
    /// The path below the folder of the disk.
    pub path: PathBuf,
}

/// A disk with a live and a durable image.
pub struct SimDisk {
    root: PathBuf,
    lacks: Vec<Lack>,
    state: Arc<Mutex<State>>,
}

/// What somebody else does right before the operation with an index.
type Meanwhile = Arc<dyn Fn(usize) + Send + Sync>;

struct State {
    meanwhile: Option<Meanwhile>,
    durable: Durable,
    operations: Vec<Operation>,
    faults: Vec<(usize, Fault)>,
    is_struck: bool,
    is_dark: bool,
}

/// What becomes of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Happens,
    HappensWrong,
}

impl SimDisk {
    /// The disk below `root`, all of which is durable.
    pub fn new(root: &Path) -> Self {
        let state = State {
            meanwhile: None,
            durable: Durable::of(root),
            operations: Vec::new(),
            faults: Vec::new(),
            is_struck: false,
            is_dark: false,
        };
        Self {
            root: root.to_owned(),
            lacks: Vec::new(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The same, whose file system does not have some renames, or links.
    #[must_use]
    pub fn without(self, lacks: &[Lack]) -> Self {
        let lacks = lacks.to_vec();
        Self { lacks, ..self }
    }

    /// The same, with a fault more, at the operation that has this index.
    #[must_use]
    pub fn with_fault(self, index: usize, fault: Fault) -> Self {
        self.state().faults.push((index, fault));
        self
    }

    /// The same, and somebody else does something before each operation, which has this index.
    #[must_use]
    pub fn meanwhile(self, act: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.state().meanwhile = Some(Arc::new(act));
        self
    }

    /// What was asked of it so far, in order.
    pub fn operations(&self) -> Vec<Operation> {
        self.state().operations.clone()
    }

    /// Whether a fault has struck.
    pub fn is_struck(&self) -> bool {
        self.state().is_struck
    }

    /// Every way in which the power can go now, as far as they differ in what is left.
    pub fn survivals(&self) -> Vec<Survival> {
        self.state().durable.survivals()
    }

    /// Makes `target` the folder that is found after the power went.
    pub fn cut(&self, survival: &Survival, target: &Path) {
        self.state().durable.materialise(survival, target);
    }

    /// What its file system does not have is no operation that a fault could strike.
    fn check_has(&self, lack: Option<Lack>, operation: &'static str, at: At<'_>) -> Result<()> {
        match lack.filter(|lack| self.lacks.contains(lack)) {
            None => Ok(()),
            Some(_) => Err(IoError::Failed {
                operation,
                path: at.path(),
                source: io::ErrorKind::Unsupported.into(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn ask(&self, name: &'static str, path: &Path) -> Result<Fate> {
        ask(&self.state, name, path, &self.root)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ask(state: &Mutex<State>, name: &'static str, path: &Path, root: &Path) -> Result<Fate> {
    let (index, meanwhile) = {
        let state = lock(state);
        (state.operations.len(), state.meanwhile.clone())
    };
    if let Some(act) = meanwhile {
        act(index);
    }
    lock(state).ask(name, path, root)
}

impl State {
    fn ask(&mut self, name: &'static str, path: &Path, root: &Path) -> Result<Fate> {
        let index = self.operations.len();
        let below = path.strip_prefix(root).unwrap_or(path).to_owned();
        self.operations.push(Operation { name, path: below });
        let failed = |kind| {
            Err(IoError::Failed {
                operation: name,
                path: path.to_owned(),
                source: io::Error::from(kind),
            })
        };
        // What waits elsewhere on the machine is cleared: it is no part of what a test looks at.
        let is_elsewhere = !path.starts_with(root);
        if self.is_dark && is_elsewhere && name.starts_with("remove") {
            return Ok(Fate::Happens);
        }
        if self.is_dark {
            return failed(io::ErrorKind::HostUnreachable);
        }
        let fault = self.faults.iter().find(|(at, _)| *at == index);
        match fault.map(|(_, fault)| *fault) {
            Some(Fault::PowerCut) => {
                (self.is_struck, self.is_dark) = (true, true);
                failed(io::ErrorKind::HostUnreachable)
            }
            Some(Fault::Fails(kind)) => {
                self.is_struck = true;
                failed(kind)
            }
            Some(Fault::WritesWrong) if ["write", "copy"].contains(&name) => {
                self.is_struck = true;
                Ok(Fate::HappensWrong)
            }
            _ => Ok(Fate::Happens),
        }
    }
}

impl Disk for SimDisk {
    fn create_new(&self, at: At<'_>, access: Access) -> Result<Box<dyn DiskFile>> {
        self.ask("create", &at.path())?;
        let real = RealDisk.create_new(at, access)?;
        let path = held_open(at.folder()).join(at.name());
        let inode = self.state().durable.hold(&path);
        Ok(Box::new(SimFile {
            real,
            inode,
            path: at.path(),
            root: self.root.clone(),
            state: Arc::clone(&self.state),
        }))
    }

    fn rewrite(&self, at: At<'_>, most: u64, pieces: &[(u64, &[u8])]) -> Result<()> {
        self.ask("rewrite", &at.path())?;
        RealDisk.rewrite(at, most, pieces)?;
        let inode = self
            .state()
            .durable
            .hold(&held_open(at.folder()).join(at.name()));
        // What was written is in the file by now, and not durable before this.
        let synced = self.ask("sync rewritten", &at.path());
        match &synced {
            Ok(_) => self.state().durable.sync_file(inode),
            Err(_) => self.state().durable.lose_file(inode),
        }
        synced.map(drop)
    }

    fn create_folder(&self, at: At<'_>, mode: Mode) -> Result<Folder> {
        self.ask("create folder", &at.path())?;
        let folder = RealDisk.create_folder(at, mode)?;
        self.state().durable.hold(&held_open(&folder));
        Ok(folder)
    }

    fn rename(&self, from: At<'_>, to: At<'_>, how: Rename) -> Result<()> {
        let (name, lack) = match how {
            Rename::Free => ("publish", Some(Lack::FreeRename)),
            Rename::Exchange => ("exchange", Some(Lack::Exchange)),
            Rename::Over => ("rename", None),
        };
        self.check_has(lack, name, to)?;
        self.ask(name, &to.path())?;
        RealDisk.rename(from, to, how)
    }

    fn link(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        self.check_has(Some(Lack::Link), "link", to)?;
        self.ask("link", &to.path())?;
        RealDisk.link(from, to)
    }

    fn remove_file(&self, at: At<'_>) -> Result<()> {
        self.ask("remove", &at.path())?;
        RealDisk.remove_file(at)
    }

    fn remove_folder(&self, at: At<'_>) -> Result<()> {
        self.ask("remove folder", &at.path())?;
        RealDisk.remove_folder(at)
    }

    fn sync_folder(&self, folder: &Folder) -> Result<()> {
        self.ask("sync folder", folder.path())?;
        self.state().durable.sync_folder(&held_open(folder));
        Ok(())
    }
}

struct SimFile {
    real: Box<dyn DiskFile>,
    inode: Inode,
    path: PathBuf,
    root: PathBuf,
    state: Arc<Mutex<State>>,
}

impl SimFile {
    fn ask(&self, name: &'static str) -> Result<Fate> {
        ask(&self.state, name, &self.path, &self.root)
    }

    fn durable(&self, act: impl FnOnce(&mut Durable)) {
        act(&mut lock(&self.state).durable);
    }
}

impl DiskFile for SimFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.ask("write")? {
            Fate::Happens => self.real.write(bytes),
            Fate::HappensWrong => self.real.write(&with_one_bit_wrong(bytes)),
        }
    }

    fn copy_from(&mut self, source: &File, offset: u64, length: u64) -> Result<()> {
        match self.ask("copy")? {
            Fate::Happens => self.real.copy_from(source, offset, length),
            Fate::HappensWrong => {
                let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
                let read = source.read_exact_at(&mut bytes, offset);
                read.expect("a source as long as what is copied of it");
                self.real.write(&with_one_bit_wrong(&bytes))
            }
        }
    }

    fn sync(&mut self) -> Result<()> {
        let asked = self.ask("sync");
        self.durable(|durable| match &asked {
            Ok(_) => durable.sync_file(self.inode),
            Err(_) => durable.lose_file(self.inode),
        });
        asked.map(drop)
    }
}

fn with_one_bit_wrong(bytes: &[u8]) -> Vec<u8> {
    let mut wrong = bytes.to_vec();
    let middle = wrong.len() / 2;
    if let Some(byte) = wrong.get_mut(middle) {
        *byte ^= 0x10;
    }
    wrong
}
