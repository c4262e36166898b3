//! Programs of databases: whether they are there, and how they come from Debian's packages where somebody asks for it.

use super::Database;
use harness::Trouble;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that something needs, and the packages of Debian that bring them.
#[derive(Clone, Copy, Debug)]
pub struct Needed {
    /// What needs them.
    pub what: &'static str,
    /// Names that are looked up in `PATH` and where Debian keeps programs that are not in it, or paths.
    pub programs: &'static [&'static str],
    /// By Debian's names.
    pub packages: &'static [&'static str],
}

/// What nodes in namespaces need.
pub const NODES: Needed = Needed {
    what: "nodes in namespaces",
    programs: &["ip", "nft", "unshare"],
    packages: &["iproute2", "nftables", "util-linux"],
};

/// What it takes to build the feature `ssh`, and to test it.
const SSH: Needed = Needed {
    what: "machines that are reached by SSH",
    programs: &["pkg-config", "/usr/include/openssl/ssl.h", "/usr/include/zlib.h", "sshd", "ssh-keygen"],
    packages: &["pkg-config", "libssl-dev", "zlib1g-dev", "openssh-server", "openssh-client"],
};

/// What the tests need, database by database; those that are too heavy for the usual ones only with `PERJURY_LONG`.
pub fn everything() -> impl Iterator<Item = Needed> {
    let long = env::var_os("PERJURY_LONG").is_some();
    let usual = crate::DATABASES.iter().filter(move |database| long || !database.heavy);
    [NODES, SSH].into_iter().chain(usual.map(Database::needed))
}

impl Database {
    /// What its nodes need besides [`NODES`].
    pub fn needed(&self) -> Needed {
        Needed { what: self.name, programs: self.programs, packages: self.packages }
    }
}

impl Needed {
    /// The programs that this machine does not have.
    pub fn missing(&self) -> Vec<&'static str> {
        self.programs.iter().copied().filter(|program| found(program).is_none()).collect()
    }
}

/// Where Debian keeps programs that an ordinary user does not find in `PATH`, or nobody: servers, and what exists in many versions.
const BESIDE_PATH: &[&str] = &["/usr/sbin", "/sbin"];
const OF_VERSIONS: (&str, &str) = ("/usr/lib/postgresql", "bin");

/// Where a program is, by its name or by its path.
fn found(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let (versions, within) = OF_VERSIONS;
    let versions =
        std::fs::read_dir(versions).into_iter().flatten().flatten().map(|version| version.path().join(within));
    let beside = BESIDE_PATH.iter().map(PathBuf::from).chain(versions);
    // A path stays itself, whatever it is joined to.
    let dirs =
        if program.contains('/') { vec![PathBuf::new()] } else { env::split_paths(&path).chain(beside).collect() };
    dirs.into_iter().map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// What the database's first program says of its own version, in a line.
pub fn version(database: &Database) -> String {
    let program = found(database.programs[0]).unwrap_or_else(|| database.programs[0].into());
    let said = Command::new(&program).arg("--version").output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).lines().next().unwrap_or_default().to_string());
    // Some begin with their own path, which says nothing.
    let path = program.display().to_string();
    said.map_or_else(|error| format!("unknown: {error}"), |said| said.trim_start_matches(&path).trim().to_string())
}

/// Installs packages, as root, unless their programs are there. None of their services is started: a policy file says so while
/// the packages are unpacked, and is removed again if it was not there before.
///
/// # Errors
/// Where the package manager fails, with its last words.
pub fn install(needed: &Needed) -> Result<(), Trouble> {
    if needed.missing().is_empty() {
        return Ok(());
    }
    let mend = format!("install {} by hand", needed.packages.join(" and "));
    let failed =
        |why: String| Trouble::new(format!("what {} needs cannot be installed", needed.what), why, mend.clone());
    if !rustix::process::geteuid().is_root() {
        return Err(failed("only root may install packages".to_string()));
    }
    let policy = Policy::none().map_err(|error| failed(error.to_string()))?;
    let apt = |arguments: &[&str]| {
        let said = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").output();
        let said = said.map_err(|error| failed(format!("apt-get: {error}")))?;
        let words = String::from_utf8_lossy(&said.stderr).trim().to_string();
        if said.status.success() { Ok(()) } else { Err(failed(words)) }
    };
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], needed.packages].concat())?;
    drop(policy);
    match needed.missing().as_slice() {
        [] => Ok(()),
        left => Err(failed(format!("the packages did not bring {}", left.join(" and ")))),
    }
}

/// While it lives no package starts a service.
struct Policy(bool);

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl Policy {
    fn none() -> std::io::Result<Policy> {
        use std::os::unix::fs::PermissionsExt;
        if Path::new(POLICY).exists() {
            return Ok(Policy(false));
        }
        std::fs::write(POLICY, "#!/bin/sh\nexit 101\n")?;
        std::fs::set_permissions(POLICY, std::fs::Permissions::from_mode(0o755))?;
        Ok(Policy(true))
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.0 {
            let _ = std::fs::remove_file(POLICY);
        }
    }
}
