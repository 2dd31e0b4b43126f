//! What is durable: bytes by inode, names by folder.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::handle::{Inode, held_open, inode};
use super::survival::{ChangedName, Data, Survival};

/// The names in a folder and what they stand for.
type Names = BTreeMap<OsString, Inode>;

/// The durable image of everything below a folder.
pub(super) struct Durable {
    root: Inode,
    nodes: HashMap<Inode, Node>,
}

/// A file or folder. It is held open, so that no other gets its number once it is removed.
struct Node {
    handle: File,
    durable: Content,
}

enum Content {
    /// The bytes at the last sync; after one that failed, for ever those before it.
    File { bytes: Vec<u8>, is_lost: bool },
    /// The names at the last sync.
    Folder(Names),
}

impl Durable {
    /// The image of what lies below a folder now, all of it durable.
    pub(super) fn of(root: &Path) -> Self {
        let mut durable = Self {
            root: 0,
            nodes: HashMap::new(),
        };
        durable.root = durable.hold(root);
        durable.take(root);
        durable
    }

    fn take(&mut self, folder: &Path) {
        for name in list(folder) {
            let path = folder.join(name);
            let inode = self.hold(&path);
            if path.is_dir() {
                self.take(&path);
            } else {
                self.sync_file(inode);
            }
        }
        self.sync_folder(folder);
    }

    /// Knows the file or folder at a path from now on. Nothing in a new one is durable.
    pub(super) fn hold(&mut self, path: &Path) -> Inode {
        let handle = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let inode = inode(&handle);
        let durable = if path.is_dir() {
            Content::Folder(Names::new())
        } else {
            let (bytes, is_lost) = (Vec::new(), false);
            Content::File { bytes, is_lost }
        };
        self.nodes.entry(inode).or_insert(Node { handle, durable });
        inode
    }

    /// Everything in the file is durable, unless a sync of it has failed.
    pub(super) fn sync_file(&mut self, inode: Inode) {
        if let Some(node) = self.nodes.get_mut(&inode)
            && let Content::File { bytes, is_lost } = &mut node.durable
            && !*is_lost
        {
            *bytes = read(&node.handle);
        }
    }

    /// A sync of the file has failed.
    pub(super) fn lose_file(&mut self, inode: Inode) {
        let node = self.nodes.get_mut(&inode);
        if let Some(Content::File { is_lost, .. }) = node.map(|node| &mut node.durable) {
            *is_lost = true;
        }
    }

    /// The names in the folder are durable.
    pub(super) fn sync_folder(&mut self, folder: &Path) {
        let inode = self.hold(folder);
        let names = self.names_now(inode);
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.durable = Content::Folder(names);
        }
    }

    /// Every way in which the power can go now.
    pub(super) fn survivals(&mut self) -> Vec<Survival> {
        let mut changed = Vec::new();
        for folder in self.folders() {
            let now = self.names_now(folder);
            let synced = self.names_synced(folder);
            let names = now.keys().chain(synced.keys());
            let differing = names.filter(|name| now.get(*name) != synced.get(*name));
            changed.extend(differing.map(|name| ChangedName {
                folder,
                name: name.clone(),
            }));
        }
        changed.sort();
        changed.dedup();
        let is_unsynced = |node: &Node| match &node.durable {
            Content::File { bytes, is_lost } => !is_lost && *bytes != read(&node.handle),
            Content::Folder(_) => false,
        };
        let has_unsynced_data = self.nodes.values().any(is_unsynced);
        Survival::all(&changed, has_unsynced_data)
    }

    /// Makes the folder that is found after the power went.
    pub(super) fn materialise(&mut self, survival: &Survival, target: &Path) {
        self.make_folder(self.root, survival, target);
    }

    fn make_folder(&mut self, folder: Inode, survival: &Survival, target: &Path) {
        make(|| fs::create_dir_all(target), target);
        let now = self.names_now(folder);
        let mut names = self.names_synced(folder);
        for changed in survival.names.iter().filter(|it| it.folder == folder) {
            match now.get(&changed.name) {
                Some(inode) => names.insert(changed.name.clone(), *inode),
                None => names.remove(&changed.name),
            };
        }
        for (name, inode) in names {
            let path = target.join(name);
            let Some(node) = self.nodes.get(&inode) else {
                continue;
            };
            match &node.durable {
                Content::Folder(_) => self.make_folder(inode, survival, &path),
                Content::File { bytes, is_lost } => {
                    let now = read(&node.handle);
                    let left = match survival.data {
                        _ if *is_lost => bytes.clone(),
                        Data::Lost => bytes.clone(),
                        Data::Whole => now,
                        Data::Torn => {
                            now[..bytes.len().midpoint(now.len()).min(now.len())].to_vec()
                        }
                        Data::Zeros => zeros_after(bytes, now.len()),
                    };
                    make(|| fs::write(&path, left), &path);
                }
            }
            let mode = self.nodes[&inode]
                .handle
                .metadata()
                .map(|it| it.permissions());
            make(|| fs::set_permissions(&path, mode?), &path);
        }
    }

    fn folders(&self) -> Vec<Inode> {
        let is_folder = |node: &Node| matches!(node.durable, Content::Folder(_));
        let folders = self.nodes.iter().filter(|(_, node)| is_folder(node));
        folders.map(|(inode, _)| *inode).collect()
    }

    fn names_synced(&self, folder: Inode) -> Names {
        match self.nodes.get(&folder).map(|node| &node.durable) {
            Some(Content::Folder(names)) => names.clone(),
            _ => Names::new(),
        }
    }

    /// The names in a folder now. What was made past the disk is known from now on.
    fn names_now(&mut self, folder: Inode) -> Names {
        let Some(node) = self.nodes.get(&folder) else {
            return Names::new();
        };
        // A folder that was moved or removed has no path any more, but still its handle.
        let path = held_open(&node.handle);
        let names = list(&path).into_iter();
        let names: Vec<_> = names.map(|name| (path.join(&name), name)).collect();
        let held = names
            .into_iter()
            .map(|(path, name)| (name, self.hold(&path)));
        held.collect()
    }
}

fn zeros_after(synced: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = synced.to_vec();
    bytes.resize(length, 0);
    bytes
}

fn read(file: &File) -> Vec<u8> {
    let length = file.metadata().expect("an open file").len();
    let mut bytes = vec![0; usize::try_from(length).expect("a small file")];
    file.read_exact_at(&mut bytes, 0).expect("an open file");
    bytes
}

fn list(folder: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(folder).expect("a folder that is held open");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names.collect()
}

fn make(act: impl FnOnce() -> std::io::Result<()>, path: &Path) {
    act().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
