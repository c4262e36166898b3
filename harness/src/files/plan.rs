//! `plan.json`: all that a replay needs.

use super::{Malformed, words};
use crate::plan::{FORMAT, Plan};

/// The file's text.
pub fn write(plan: &Plan) -> String {
    serde_json::to_string_pretty(plan).expect("a plan is plain data") + "\n"
}

/// Reads it again. `name` is the file's, for complaints.
///
/// # Errors
/// Where it is no plan, or one of another format.
pub fn read(name: &str, text: &str) -> Result<Plan, Malformed> {
    let place = |error: &serde_json::Error| format!("{name}:{}:{}", error.line(), error.column());
    let plan: Plan = serde_json::from_str(text)
        .map_err(|error| Malformed::new(place(&error), words(&error), "a plan.json as `perjury run` writes it"))?;
    if plan.format != FORMAT {
        let wrong = format!("format {} is unknown", plan.format);
        return Err(Malformed::new(name, wrong, format!("\"format\": {FORMAT}")));
    }
    if plan.nodes == 0 || plan.nodes > 32 || plan.clients == 0 {
        return Err(Malformed::new(name, "no cluster of this size", "1 to 32 nodes and at least one client"));
    }
    if let Some(ask) = plan.asks.iter().find(|ask| ask.client.0 >= plan.clients) {
        let wrong = format!("client {} asks, but there are {} clients", ask.client.0, plan.clients);
        return Err(Malformed::new(name, wrong, "clients counted from 0"));
    }
    if let Some(node) = plan.asks.iter().filter_map(|ask| ask.node).find(|node| node.0 >= plan.nodes) {
        let wrong = format!("node {} is asked, but there are {} nodes", node.0, plan.nodes);
        return Err(Malformed::new(name, wrong, "nodes counted from 0"));
    }
    Ok(plan)
}
