//! What this machine can do for nodes in namespaces, each found out by doing it.

use super::{Netns, enter};
use crate::host::Host;
use crate::probe::Finding;
use crate::tool;
use std::path::Path;
use std::time::Instant;

/// Tries everything that nodes in namespaces need. One is set up below `state` and taken down again, where this process may.
pub fn probe(state: &Path) -> Vec<Finding> {
    let mut findings =
        vec![program("ip", "-V"), program("nft", "--version"), program("nsenter", "--version"), namespaces()];
    if findings.iter().all(|finding| finding.ok) && enter::allowed().is_ok() {
        findings.push(node(state));
    }
    findings
}

fn program(name: &'static str, version: &str) -> Finding {
    let told = tool::call(name, &[version], "");
    let detail = match &told {
        Ok(told) => told.lines().next().unwrap_or_default().to_string(),
        Err(error) => format!("{}: {}; {}", error.what, error.why, error.mend),
    };
    Finding { name, ok: told.is_ok(), detail }
}

fn namespaces() -> Finding {
    let (ok, detail) = match (enter::allowed(), enter::user_namespace()) {
        (Ok(()), _) => (true, "this user makes them directly".into()),
        (Err(_), Ok(())) => (true, "this user makes them as root of a user namespace".into()),
        (Err(why), Err(user)) => {
            let error = enter::forbidden(format!("directly: {why}; as root of a user namespace: {user}"));
            (false, format!("{}; {}", error.why, error.mend))
        }
    };
    Finding { name: "namespaces", ok, detail }
}

fn node(state: &Path) -> Finding {
    let began = Instant::now();
    let tried = Netns::up(1, state).and_then(|mut host| {
        let missing = host
            .abilities()
            .each()
            .into_iter()
            .filter_map(|(name, able)| Some(format!("{name}: {}", able.as_ref().err()?)));
        let missing: Vec<String> = missing.collect();
        let able = host.abilities().cut.is_ok();
        host.close().map(|()| (able, missing))
    });
    match tried {
        Err(error) => {
            Finding { name: "node", ok: false, detail: format!("{}: {}; {}", error.what, error.why, error.mend) }
        }
        Ok((ok, missing)) => {
            let took = began.elapsed().as_secs_f64() * 1e3;
            let missing =
                if missing.is_empty() { String::new() } else { format!("; it cannot do: {}", missing.join(", ")) };
            Finding { name: "node", ok, detail: format!("one was set up and taken down in {took:.0} ms{missing}") }
        }
    }
}
