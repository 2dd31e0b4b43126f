//! What a guest is made of: Debian's kernel, its modules, and programs that this machine lacks.
//!
//! Nothing is installed here. The packages are unpacked into a folder that the guest lays over the
//! root of this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::mount::said_yes;

/// The kernel. The one for clouds is smaller, and has no 9p.
const KERNEL: &str = "linux-image-amd64";
/// What the first process of the guest is, before it has its root.
const SHELL: &str = "busybox-static";
/// What makes, serves and mounts the file systems; where this machine has one, its own is taken.
const PROGRAMS: [&str; 9] = [
    "cifs-utils",
    "dosfstools",
    "e2fsprogs",
    "exfatprogs",
    "kmod",
    "nfs-common",
    "nfs-kernel-server",
    "samba",
    "strace",
];
/// Modules of devices that the guest has not, and what nobody reads there.
const LEFT_OUT: [&str; 5] = [
    "*/kernel/drivers/[!bv]*",
    "*/kernel/sound",
    "./usr/share/doc",
    "./usr/share/locale",
    "./usr/share/man",
];
/// What the first process needs to reach the files of this machine.
const MODULES: [&str; 5] = ["virtio_pci", "9pnet_virtio", "9p", "overlay", "loop"];
/// Whoever runs this need not be root, and a network that is not there is told soon.
const OPTIONS: [&str; 4] = [
    "APT::Sandbox::User=root",
    "APT::Update::Error-Mode=any",
    "Acquire::http::Timeout=20",
    "Acquire::Retries=1",
];
const INIT: &str = include_str!("init.sh");

/// The parts of a guest, in a folder that stays.
pub(super) struct Parts {
    folder: PathBuf,
}

impl Parts {
    /// Those that were brought before, or brings them.
    ///
    /// # Errors
    ///
    /// Where this machine has no packages of Debian's, or cannot reach them.
    pub(super) fn brought(folder: &Path) -> Result<Self> {
        let parts = Self {
            folder: folder.to_owned(),
        };
        let recipe = recipe();
        if fs::read_to_string(parts.folder.join("recipe")).is_ok_and(|found| found == recipe) {
            return Ok(parts);
        }
        let beside = folder.parent().context("a guest has a folder")?;
        fs::create_dir_all(beside)?;
        let new = tempfile::Builder::new()
            .prefix("guest")
            .tempdir_in(beside)?;
        let made = Self {
            folder: new.path().to_owned(),
        };
        made.bring().context("the packages of a guest")?;
        fs::write(made.folder.join("recipe"), recipe)?;
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::rename(new.keep(), folder)?;
        Ok(parts)
    }

    /// What is laid over the root of this machine.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// The kernel, as qemu takes it.
    pub(super) fn kernel(&self) -> PathBuf {
        self.folder.join("kernel")
    }

    /// The file system that the kernel begins with, as qemu takes it.
    pub(super) fn initial(&self) -> PathBuf {
        self.folder.join("initial")
    }

    fn bring(&self) -> Result<()> {
        let apt = Apt::new(self.folder.join("apt"))?;
        let mut wanted = vec![apt.newest(KERNEL)?, SHELL.to_owned()];
        wanted.extend(apt.missing(&PROGRAMS)?);
        let packages = self.folder.join("packages");
        fs::create_dir(&packages)?;
        let mut download = apt.command("apt-get");
        said_yes(download.arg("download").args(wanted).current_dir(&packages))?;
        self.unpack(&packages)?;
        let modules = self.root().join("usr/lib/modules");
        let version = only_name_in(&modules)?;
        let kernel = self.root().join("boot").join(format!("vmlinuz-{version}"));
        fs::copy(kernel, self.kernel())?;
        let mut depmod = Command::new("depmod");
        said_yes(depmod.arg("-b").arg(self.root()).arg(&version))?;
        self.make_initial(&modules, &version)?;
        for done in [packages, apt.folder] {
            fs::remove_dir_all(done)?;
        }
        Ok(())
    }

    /// Folders that are links in the root of this machine stay links over it.
    fn unpack(&self, packages: &Path) -> Result<()> {
        for name in ["bin", "lib", "lib64", "sbin"] {
            let behind = Path::new("usr").join(name);
            fs::create_dir_all(self.root().join(&behind))?;
            std::os::unix::fs::symlink(behind, self.root().join(name))?;
        }
        for package in fs::read_dir(packages)? {
            let mut opened = Command::new("dpkg-deb");
            opened.arg("--fsys-tarfile").arg(package?.path());
            let mut opened = opened.stdout(Stdio::piped()).spawn()?;
            let mut tar = Command::new("tar");
            tar.args(["-x", "--keep-directory-symlink", "--no-same-owner"]);
            tar.args(LEFT_OUT.map(|it| format!("--exclude={it}")));
            tar.arg("-C").arg(self.root());
            let unpacked = said_yes(tar.stdin(opened.stdout.take().context("a pipe")?));
            let status = opened.wait()?;
            unpacked?;
            ensure!(status.success(), "dpkg-deb ended with {status}");
        }
        Ok(())
    }

    fn make_initial(&self, modules: &Path, version: &str) -> Result<()> {
        let all = fs::read_to_string(modules.join(version).join("modules.dep"))?;
        let files = self.folder.join("files");
        let below = files.join("lib/modules").join(version);
        let mut known = String::new();
        for module in MODULES {
            let is_it = |line: &&str| {
                line.split(':')
                    .next()
                    .is_some_and(|it| is_file_of(it, module))
            };
            let line = all.lines().find(is_it);
            // One that is built in has no file.
            let Some(line) = line else { continue };
            known.push_str(line);
            known.push('\n');
            for file in line.split([':', ' ']).filter(|it| !it.is_empty()) {
                // Those that it needs have lines of their own.
                let own = all
                    .lines()
                    .find(|line| line.starts_with(&format!("{file}:")));
                known.push_str(own.unwrap_or_default());
                known.push('\n');
                let copy = below.join(file);
                fs::create_dir_all(copy.parent().context("a folder of modules")?)?;
                fs::copy(modules.join(version).join(file), copy)?;
            }
        }
        fs::write(below.join("modules.dep"), known)?;
        let shell = self.root().join("bin/busybox");
        fs::create_dir(files.join("bin"))?;
        fs::copy(&shell, files.join("bin/busybox"))?;
        fs::write(files.join("init"), INIT)?;
        let mut pack = Command::new("sh");
        pack.args(["-ec", PACK, "pack"])
            .arg(shell)
            .arg(self.initial());
        said_yes(pack.current_dir(&files))?;
        fs::remove_dir_all(files)?;
        Ok(())
    }
}

/// Packs the folder that it is in, with a shell of a guest, into a file.
const PACK: &str = r#"chmod 755 init; "$1" find . | "$1" cpio -o -H newc -F "$2" 2>/dev/null"#;

/// What a guest is made of, in words: parts of another recipe are made anew.
fn recipe() -> String {
    format!("{KERNEL} {SHELL} {PROGRAMS:?} {LEFT_OUT:?} {MODULES:?}\n{INIT}")
}

/// Whether a path is the file of a module, which can be compressed.
fn is_file_of(path: &str, module: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = name
        .split_once(".ko")
        .map(|(name, _)| name.replace('-', "_"));
    name.is_some_and(|name| name == module)
}

fn only_name_in(folder: &Path) -> Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    match <[String; 1]>::try_from(names) {
        Ok([name]) => Ok(name),
        Err(names) => bail!("{} has {names:?}", folder.display()),
    }
}

/// Debian's packages, by lists of its own: those of this machine can be old, or not there.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn new(folder: PathBuf) -> Result<Self> {
        for name in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let apt = Self { folder };
        said_yes(apt.command("apt-get").arg("update"))?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let option = |name: &str, folder: &str| {
            let folder = self.folder.join(folder);
            ["-o".to_owned(), format!("{name}={}", folder.display())]
        };
        command.args(option("Dir::State::Lists", "lists"));
        command.args(option("Dir::Cache", "cache"));
        for option in OPTIONS {
            command.args(["-o", option]);
        }
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    /// The package that one of another name stands for.
    fn newest(&self, name: &str) -> Result<String> {
        let said = said(self.command("apt-cache").args(["depends", name]))?;
        let mut needed = said
            .lines()
            .filter_map(|it| it.trim().strip_prefix("Depends: "));
        let kernel = needed.find(|it| it.starts_with("linux-image-"));
        let kernel = kernel.with_context(|| format!("there is no {name}"))?;
        Ok(kernel.to_owned())
    }

    /// Which packages would be new here, if these were installed.
    fn missing(&self, names: &[&str]) -> Result<Vec<String>> {
        let mut install = self.command("apt-get");
        install.args(["install", "--simulate", "--no-upgrade"]);
        install.arg("--no-install-recommends");
        let said = said(install.args(names))?;
        let new = said.lines().filter_map(|it| it.strip_prefix("Inst "));
        let new = new.filter_map(|it| it.split(' ').next());
        Ok(new.map(str::to_owned).collect())
    }
}

/// What a program that must succeed says.
fn said(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.with_context(|| format!("cannot start {program}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}", error.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
