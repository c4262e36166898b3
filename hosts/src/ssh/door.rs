//! Into a machine: a connection, whose key must be known, and a login by a key.

use super::file::{HostsFile, Machine, home};
use crate::dialer::Dialer;
use crate::error::{Error, Result};
use ssh2::{CheckResult, HashType, KnownHostFileKind, KnownHosts, MethodType, Session};
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// How one gets into one machine, as often as one likes.
#[derive(Debug)]
pub(super) struct Door {
    /// What it is called in errors: `n1, root@db1:22`.
    pub name: String,
    pub machine: Machine,
    known_hosts: PathBuf,
    timeout: Duration,
    keep_alive: Duration,
    via: Dialer,
    /// One at a time goes through: a server drops some of those who come all at once.
    turn: Mutex<()>,
    /// The kinds of key that are known of the machine.
    kinds: OnceLock<Vec<String>>,
}

/// A session, and the socket that it goes through.
pub(super) struct Entered {
    pub session: Session,
    pub socket: TcpStream,
}

impl Door {
    pub fn new(node: usize, machine: Machine, file: &HostsFile, via: Dialer) -> Door {
        Door {
            name: format!("n{}, {}@{}:{}", node + 1, machine.user, machine.address, machine.port),
            known_hosts: home(&file.known_hosts),
            timeout: Duration::from_secs(file.timeout.into()),
            keep_alive: Duration::from_secs(file.keep_alive.into()),
            machine,
            via,
            turn: Mutex::new(()),
            kinds: OnceLock::new(),
        }
    }

    /// How long an answer may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Where the machine's name leads.
    pub fn resolve(&self) -> Result<SocketAddr> {
        let Machine { address, port, .. } = &self.machine;
        let found = (address.as_str(), *port).to_socket_addrs().map(|mut found| found.next());
        let why = match found {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => "its name leads nowhere".to_string(),
            Err(error) => error.to_string(),
        };
        Err(self.error("cannot be found", why, "correct `address` in the hosts file"))
    }

    /// A session that is logged in. Its calls wait as long as an answer may take; entering takes no longer than `patience`.
    pub fn enter(&self, patience: Duration) -> Result<Entered> {
        let _turn = self.turn.lock().unwrap_or_else(|broken| broken.into_inner());
        let no_way = |why: String| {
            self.error(
                "cannot be reached",
                why,
                "see whether an SSH server listens there, and `address` and `port` in the hosts file",
            )
        };
        let stream = self.via.connect(self.resolve()?, patience).map_err(|error| no_way(error.to_string()))?;
        let mut session = Session::new().map_err(|error| no_way(error.to_string()))?;
        let socket = stream.try_clone().map_err(|error| no_way(error.to_string()))?;
        session.set_tcp_stream(stream);
        session.set_timeout(millis(patience));
        let known = self.known(&session)?;
        self.prefer(&session, &known);
        session.handshake().map_err(|error| no_way(format!("its server does not shake hands: {error}")))?;
        self.recognise(&session, &known)?;
        self.log_in(&session)?;
        session.set_keepalive(true, self.keep_alive.as_secs() as u32);
        session.set_timeout(millis(self.timeout));
        Ok(Entered { session, socket })
    }

    /// The keys that are known. Lines that libssh2 does not understand are none.
    fn known(&self, session: &Session) -> Result<KnownHosts> {
        let unreadable =
            |error: String| self.error("cannot be recognised", error, format!("see to {}", self.known_hosts.display()));
        let mut known = session.known_hosts().map_err(|error| unreadable(error.to_string()))?;
        let text = match fs::read_to_string(&self.known_hosts) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.map_err(|error| unreadable(error.to_string()))?,
        };
        for line in text.lines() {
            let _ = known.read_str(line, KnownHostFileKind::OpenSSH);
        }
        Ok(known)
    }

    /// Asks for a key of a kind that is known of this machine: it has several, and another one would look like another machine's.
    fn prefer(&self, session: &Session, known: &KnownHosts) {
        let kinds = self.kinds.get_or_init(|| {
            let keys = known.hosts().unwrap_or_default().into_iter().filter_map(|host| unbase64(host.key()));
            // Names may be hashed, so that whose key it is must be asked.
            let own = keys.filter(|key| matches!(self.check(known, key), CheckResult::Match));
            own.filter_map(|key| kind(&key)).collect()
        });
        let Ok(mut all) = session.supported_algs(MethodType::HostKey) else { return };
        let known = |algorithm: &str| {
            kinds.iter().any(|kind| kind == algorithm || (kind == "ssh-rsa" && algorithm.starts_with("rsa-sha2-")))
        };
        all.sort_by_key(|algorithm| !known(algorithm));
        // Where it cannot be asked for, whatever comes is compared all the same.
        let _ = session.method_pref(MethodType::HostKey, &all.join(","));
    }

    fn check(&self, known: &KnownHosts, key: &[u8]) -> CheckResult {
        known.check_port(&self.machine.address, self.machine.port, key)
    }

    /// Goes on only with a machine whose key is known.
    fn recognise(&self, session: &Session, known: &KnownHosts) -> Result<()> {
        let file = self.known_hosts.display();
        let Machine { address, port, .. } = &self.machine;
        let scan = format!("ssh-keyscan -p {port} {address} >>{file}");
        let shown = session.host_key_hash(HashType::Sha256).map(base64).unwrap_or_default();
        let shown = format!("SHA256:{}", shown.trim_end_matches('='));
        let (key, kind) = session.host_key().unwrap_or((&[], ssh2::HostKeyType::Unknown));
        match self.check(known, key) {
            CheckResult::Match => Ok(()),
            CheckResult::Mismatch => Err(self.error(
                "SHOWS ANOTHER KEY THAN IT DID: somebody else may answer in its place, and nothing was sent",
                format!("its key ({kind:?}) is now {shown}, and {file} has another one for it"),
                format!(
                    "find out why. If the machine was set up anew: ssh-keygen -R '{}' -f {file}; {scan}",
                    if *port == 22 { address.clone() } else { format!("[{address}]:{port}") }
                ),
            )),
            CheckResult::NotFound | CheckResult::Failure => Err(self.error(
                "is not known, so nothing was sent",
                format!("its key ({kind:?}) is {shown}, and {file} has none for it"),
                format!("compare that with what the machine's owner says, and then: {scan}"),
            )),
        }
    }

    fn log_in(&self, session: &Session) -> Result<()> {
        let Machine { user, key, .. } = &self.machine;
        // Asked first: the question is an attempt to log in without anything, which some servers let pass.
        let accepted = session.auth_methods(user).map(str::to_string).unwrap_or_default();
        if session.authenticated() {
            return Ok(());
        }
        let (with, tried) = match key.as_deref().map(home) {
            Some(key) if !key.is_file() => {
                let what = "cannot be entered";
                return Err(self.error(
                    what,
                    format!("there is no key {}", key.display()),
                    "correct `key` in the hosts file",
                ));
            }
            Some(key) => (format!("the key {}", key.display()), session.userauth_pubkey_file(user, None, &key, None)),
            None => ("the keys of the SSH agent".to_string(), self.ask_agent(session)),
        };
        tried.map_err(|error| {
            let accepted = if accepted.is_empty() { "nothing" } else { &accepted };
            self.error(
                "does not let one in",
                format!("{with} cannot open it for the user {user}: {error}; the server accepts: {accepted}"),
                format!(
                    "put the public half into ~{user}/.ssh/authorized_keys there, or correct `user` and `key` in the hosts file; a key \
                     with a passphrase needs an agent: ssh-add, and no `key`"
                ),
            )
        })
    }

    /// Tries each key that the agent has.
    fn ask_agent(&self, session: &Session) -> std::result::Result<(), ssh2::Error> {
        let mut agent = session.agent()?;
        agent.connect()?;
        agent.list_identities()?;
        let none = || ssh2::Error::new(ssh2::ErrorCode::Session(-19), "it has none");
        let mut last = Err(none());
        for identity in agent.identities()? {
            last = agent.userauth(&self.machine.user, &identity);
            if last.is_ok() {
                break;
            }
        }
        last
    }

    /// An error that says which machine it is about.
    pub fn error(&self, what: &str, why: impl ToString, mend: impl Into<String>) -> Error {
        Error::new(format!("{} {what}", self.name), why, mend)
    }
}

pub(super) fn millis(time: Duration) -> u32 {
    // None at all would be for ever.
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// As `ssh` prints fingerprints and the agent reads files.
pub(super) fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Back again; `None` for what is none.
pub(super) fn unbase64(text: &str) -> Option<Vec<u8>> {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// What kind of key it is: its first field, behind four bytes that say how long that is.
fn kind(key: &[u8]) -> Option<String> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let name = rest.get(..u32::from_be_bytes(*length) as usize)?;
    String::from_utf8(name.to_vec()).ok()
}
