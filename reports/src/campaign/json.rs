//! A campaign for programs.

use super::{Campaign, Row};
use harness::campaign::Standing;
use harness::plan::FORMAT;
use serde_json::{Value, json};

/// One object; cells in order.
pub fn json(campaign: &Campaign) -> String {
    let cells: Vec<Value> = campaign.rows.iter().map(cell).collect();
    format!("{:#}", json!({"format": FORMAT, "exit": campaign.exit, "cells": cells}))
}

fn cell(row: &Row) -> Value {
    let (cell, standing) = (row.cell, row.standing());
    json!({
        "design": cell.design, "switches": cell.switches, "workload": cell.workload, "nemesis": cell.nemesis,
        "first_seed": cell.seeds.0, "seeds": cell.seeds.1, "expected": cell.expected, "observed": row.seen,
        "median_seeds": row.seen.median_seeds(), "surprise": standing.why(),
        "inconclusive": matches!(standing, Standing::Inconclusive(_)),
        "replay": row.kept.iter().map(|kept| &kept.replay).collect::<Vec<_>>(),
    })
}
