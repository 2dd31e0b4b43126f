//! Root and the owner of the files in turns.
//!
//! A database, its repository and the folder of a restore belong to a user. Root runs some of the
//! commands, that user the others, under any umask, in folders that hand their group or a list of
//! rights on. Nobody is locked out by what the other one did: after each command every file is the
//! user's, the cursor that the engine has to read among them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use rustix::process::geteuid;

use crate::act::{Act, ActFolder};
use crate::command::{CommandRun, Programs};
use crate::mount::said_yes;
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::stage::{FaultStage, contents};

/// The user that all belongs to, and its group.
const USER: u32 = 65534;
const GROUP: u32 = 65534;
/// The group that a folder hands on.
const SHARED_GROUP: u32 = 4711;

/// Who runs a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Root,
    User,
}

/// What the folders hand on to what is created in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HandedOn {
    Nothing,
    Group,
    Rights,
}

/// Each command is run by root once, and by the user after that.
const TURNS: [(Who, &str); 13] = [
    (Who::Root, "verify REPO"),
    (Who::User, "verify REPO --new"),
    (Who::Root, "backup DB --repo REPO --incremental"),
    (Who::User, "list REPO"),
    (Who::User, "backup DB --repo REPO --full"),
    (Who::Root, "backup DB --repo REPO --full"),
    (Who::User, "verify REPO"),
    (Who::Root, "rebuild REPO"),
    (Who::User, "backup DB --repo REPO"),
    (Who::User, "rebuild REPO"),
    (Who::Root, "verify REPO --new"),
    (Who::Root, "restore REPO OUT"),
    (Who::User, "backup DB --repo REPO --full"),
];

/// Goes through all of it, and lets root make a new repository.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(programs: &Programs, extent: RowExtent) -> Result<RowOutcome> {
    if !geteuid().is_root() {
        return Ok(RowOutcome::Skipped("only root can be root".to_owned()));
    }
    let umasks: &[&str] = match extent {
        RowExtent::Quick => &["077"],
        RowExtent::Long => &["022", "077", "000"],
    };
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    let has_rights = said_yes(Command::new("setfacl").arg("--version")).is_ok();
    if !has_rights {
        tally.say("lists of rights: SKIPPED: there is no setfacl".to_owned());
    }
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        for handed_on in [HandedOn::Nothing, HandedOn::Group, HandedOn::Rights] {
            if handed_on == HandedOn::Rights && !has_rights {
                continue;
            }
            for umask in umasks {
                let turns = |takes_away| Turns {
                    programs,
                    stage: &stage,
                    handed_on,
                    umask,
                    takes_away,
                };
                tally.add(turns(false).take(Act::Incremental, &TURNS)?);
                tally.add(turns(false).take(Act::First, &TURNS[4..])?);
                control.add(turns(true).take(Act::Incremental, &TURNS)?);
            }
        }
    }
    let control = Control::of("a root that keeps what it creates", control);
    Ok(RowOutcome::Ran { tally, control })
}

struct Turns<'a> {
    programs: &'a Programs,
    stage: &'a FaultStage,
    handed_on: HandedOn,
    umask: &'static str,
    /// What root has created is root's after its turn: the control.
    takes_away: bool,
}

impl Turns<'_> {
    fn take(&self, act: Act, turns: &[(Who, &str)]) -> Result<Tally> {
        let mut tally = Tally::default();
        let folder = scratch()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let program = folder.path().join("apograph");
        said_yes(Command::new("cp").arg(&self.programs.sound).arg(&program))?;
        let place = ActFolder::prepared(&folder.path().join("place"), self.stage, act)?;
        self.give(place.root())?;
        for (number, (who, words)) in turns.iter().enumerate() {
            let known = all_below(place.root());
            let run = self.run(&program, &place, *who, words)?;
            tally.runs += 1;
            if self.takes_away && *who == Who::Root {
                let new = all_below(place.root());
                for path in new.iter().filter(|path| !known.contains(path)) {
                    chown(path, Some(0), Some(0))?;
                    if path.is_file() {
                        fs::set_permissions(path, Permissions::from_mode(0o600))?;
                    }
                }
            }
            let outcome = judge(&run, place.root());
            let is_over = outcome.is_err();
            let generation = self.stage.generation();
            tally.struck(
                || {
                    let (handed_on, umask) = (self.handed_on, self.umask);
                    format!(
                        "generation {generation}, {handed_on:?} handed on, umask {umask}, \
                         turn {number}, {who:?}: {words}"
                    )
                },
                outcome,
            );
            if is_over {
                break;
            }
        }
        Ok(tally)
    }

    /// Everything below a folder is the user's.
    fn give(&self, root: &Path) -> Result<()> {
        let mut paths = all_below(root);
        paths.push(root.to_owned());
        for path in paths {
            let is_folder = path.is_dir();
            let group = match self.handed_on {
                HandedOn::Group if is_folder => SHARED_GROUP,
                _ => GROUP,
            };
            chown(&path, Some(USER), Some(group))?;
            let mode = match self.handed_on {
                HandedOn::Group if is_folder => 0o2770,
                _ if is_folder => 0o700,
                _ => 0o600,
            };
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
            if self.handed_on == HandedOn::Rights && is_folder {
                let rights = format!("default:user:{SHARED_GROUP}:rwx,default:mask::rwx");
                said_yes(Command::new("setfacl").args(["-m", &rights]).arg(&path))?;
            }
        }
        Ok(())
    }

    fn run(&self, program: &Path, place: &ActFolder, who: Who, words: &str) -> Result<CommandRun> {
        let words = words.split(' ').map(|word| match word {
            "DB" => place.database().into_os_string(),
            "REPO" => place.repository().into_os_string(),
            "OUT" => place.output().into_os_string(),
            word => word.into(),
        });
        let mut command = Command::new("sh");
        let script = format!("umask {}; exec \"$@\"", self.umask);
        command.args(["-c", &script, "sh"]).arg(program);
        command.args(words).arg("--json");
        if who == Who::User {
            command.uid(USER).gid(GROUP);
        }
        CommandRun::of(&mut command)
    }
}

fn judge(run: &CommandRun, root: &Path) -> Result<()> {
    ensure!(run.exit == Some(0), "exit {:?}: {}", run.exit, run.said);
    let warnings = run.json["warnings"].as_array().map_or(0, Vec::len);
    ensure!(warnings == 0, "it warns: {}", run.json["warnings"]);
    for path in all_below(root) {
        let found = fs::metadata(&path)?;
        let (path, mode) = (path.display(), found.permissions().mode());
        ensure!(found.uid() == USER, "{path} is of user {}", found.uid());
        ensure!(mode & 0o400 != 0, "{path} cannot be read: {mode:o}");
        ensure!(
            found.is_dir() || mode.trailing_zeros() >= 6,
            "{path} is open: {mode:o}"
        );
    }
    Ok(())
}

fn all_below(root: &Path) -> Vec<PathBuf> {
    let found = contents(root).unwrap_or_default();
    found.into_keys().map(|path| root.join(path)).collect()
}
