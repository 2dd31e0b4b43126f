//! What a file system can lack, as strace makes it lack it.

/// Something that a file system does not have: system calls that fail for good.
pub(super) struct Missing {
    /// What it is.
    pub(super) name: &'static str,
    /// The system calls, as strace injects errors into them.
    pub(super) injections: &'static [&'static str],
    /// Only where they are about a folder.
    pub(super) of_folders: bool,
    /// What the command has to say of it, if anything.
    pub(super) warning: Option<&'static str>,
}

const fn missing(name: &'static str, injections: &'static [&'static str]) -> Missing {
    Missing {
        name,
        injections,
        of_folders: false,
        warning: None,
    }
}

/// Each of them, and all at once.
pub(super) const EACH: [Missing; 17] = [
    missing("renames with flags (EINVAL)", &["renameat2:error=EINVAL"]),
    missing("renames with flags (ENOSYS)", &["renameat2:error=ENOSYS"]),
    missing(
        "renames with flags, links (EPERM)",
        &["renameat2:error=EINVAL", "linkat:error=EPERM"],
    ),
    missing(
        "renames with flags, links (EOPNOTSUPP)",
        &["renameat2:error=EINVAL", "linkat:error=EOPNOTSUPP"],
    ),
    missing("flock (ENOLCK)", &["flock:error=ENOLCK"]),
    missing("flock (ENOSYS)", &["flock:error=ENOSYS"]),
    missing("flock (EBADF)", &["flock:error=EBADF"]),
    missing("flock (EOPNOTSUPP)", &["flock:error=EOPNOTSUPP"]),
    Missing {
        name: "any lock",
        injections: &["flock:error=ENOLCK", "fcntl:error=ENOLCK"],
        of_folders: false,
        warning: Some("has no locks"),
    },
    Missing {
        name: "chmod (EPERM)",
        injections: &["fchmod:error=EPERM"],
        of_folders: false,
        warning: None,
    },
    missing("chmod (EOPNOTSUPP)", &["fchmod:error=EOPNOTSUPP"]),
    missing("chown", &["fchown:error=EPERM"]),
    Missing {
        name: "sync of folders (EINVAL)",
        injections: &["fsync:error=EINVAL"],
        of_folders: true,
        warning: Some("cannot make the names in a folder durable"),
    },
    Missing {
        name: "sync of folders, of all (EBADF, ENOSYS)",
        injections: &["fsync:error=EBADF", "syncfs:error=ENOSYS"],
        of_folders: true,
        warning: Some("cannot make the names in a folder durable"),
    },
    missing(
        "copies in the kernel, advice",
        &[
            "copy_file_range:error=EOPNOTSUPP",
            "sendfile:error=EINVAL",
            "fadvise64:error=ENOSYS",
        ],
    ),
    missing("statx and the time of birth", &["statx:error=ENOSYS"]),
    Missing {
        name: "all of it",
        injections: &[
            "renameat2:error=EINVAL",
            "linkat:error=EPERM",
            "flock:error=ENOLCK",
            "fcntl:error=ENOLCK",
            "fchmod:error=EPERM",
            "fchown:error=EPERM",
            "copy_file_range:error=EOPNOTSUPP",
            "sendfile:error=EINVAL",
            "fadvise64:error=ENOSYS",
            "syncfs:error=ENOSYS",
            "statx:error=ENOSYS",
        ],
        of_folders: false,
        warning: Some("has no locks"),
    },
];
