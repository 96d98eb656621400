//! Owns the environments of foreign clients, made once under `target/`, and their processes.
//! Must never change the machine: what is missing on it is named, with the command to install it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

/// A client that we did not write.
#[derive(Clone, Copy, Debug)]
pub(super) enum Client {
    /// `ocpp` from PyPI, over `websockets`.
    Python,
    /// `ocpp-rpc` from npm.
    Node,
}

/// Where they are installed.
pub(super) struct Clients {
    python: PathBuf,
    node_modules: PathBuf,
}

/// A charge that has been told; its client stays connected until `end`.
pub(super) struct Charging {
    child: Child,
    stdin: Option<ChildStdin>,
}

const SKIP: &str = "or set BUSBAR_SKIP_FOREIGN=1 to leave these tests out";

impl Clients {
    /// Its interpreter, with all that `requirements.txt` names.
    pub(super) fn python(&self) -> &Path {
        &self.python
    }

    /// Makes what is not there yet. Downloads about 20 MB, once.
    pub(super) fn make() -> Self {
        let target = target();
        let (python, node) = (target.join("foreign"), target.join("foreign-node"));
        once(&python, "requirements.txt", |folder| {
            let mut venv = Command::new("python3");
            venv.args(["-m", "venv", "--clear"]).arg(folder);
            needs(venv, "apt-get install python3 python3-venv");
            let mut pip = Command::new(folder.join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]);
            pip.arg(sources().join("requirements.txt"));
            needs(pip, "pip needs PyPI, or an index in PIP_INDEX_URL");
        });
        once(&node, "package-lock.json", |folder| {
            for file in ["package.json", "package-lock.json"] {
                std::fs::copy(sources().join(file), folder.join(file)).unwrap();
            }
            let mut npm = Command::new("npm");
            npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]);
            npm.current_dir(folder);
            needs(npm, "apt-get install nodejs npm; npm needs its registry");
        });
        Self { python: python.join("bin/python"), node_modules: node }
    }

    /// Lets a client charge, and waits until it has told everything.
    pub(super) fn charge(
        &self,
        client: Client,
        version: &str,
        endpoint: &str,
        identity: &str,
        password: &str,
        start: &str,
    ) -> Charging {
        let mut command = self.command(client);
        command.args([version, endpoint, identity, password, start]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut words = String::new();
            child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
            panic!("{client:?}, {version}: {words}");
        }
        let told: Value = serde_json::from_str(&line).unwrap();
        assert!(told["transaction_id"].is_string(), "{client:?}, {version}: {told}");
        Charging { child, stdin }
    }

    /// What a client says that is not let in.
    pub(super) fn refused(
        &self,
        client: Client,
        version: &str,
        endpoint: &str,
        identity: &str,
        password: &str,
    ) -> String {
        let mut command = self.command(client);
        command.args([version, endpoint, identity, password, "2026-01-01T00:00:00+00:00"]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success(), "{client:?}, {version}: it was let in");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn command(&self, client: Client) -> Command {
        match client {
            Client::Python => {
                let mut command = Command::new(&self.python);
                command.arg(sources().join("charge.py"));
                command
            }
            Client::Node => {
                let mut command = Command::new("node");
                command.arg(sources().join("charge.mjs"));
                command.env("OCPP_RPC", &self.node_modules);
                command
            }
        }
    }
}

impl Charging {
    /// Disconnects the client, which must end well.
    pub(super) fn end(mut self) {
        drop(self.stdin.take());
        let mut words = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {words}");
    }
}

/// Makes a folder again when what it is made from has changed, or when making it was cut off.
fn once(folder: &Path, pins: &str, make: impl Fn(&Path)) {
    let pinned = std::fs::read(sources().join(pins)).unwrap();
    let done = folder.join("made-from");
    if std::fs::read(&done).is_ok_and(|made_from| made_from == pinned) {
        return;
    }
    println!("making {} once, for the foreign clients", folder.display());
    let _nothing = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
    make(folder);
    std::fs::write(done, pinned).unwrap();
}

fn needs(mut command: Command, otherwise: &str) {
    let shown = format!("{command:?}");
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "{shown} failed: {}{}\nNeeded: {otherwise}; {SKIP}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => panic!("{shown}: {error}\nNeeded: {otherwise}; {SKIP}"),
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign")
}

/// The target folder that this test was built into.
fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    built.expect("cargo built this test into a target folder").to_owned()
}
