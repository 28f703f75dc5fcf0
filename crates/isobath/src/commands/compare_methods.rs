use anyhow::{Result, bail};
use clap::Args;

use super::{GlobalArgs, exit, report::open};
use isobath_analysis::compare_methods;
use isobath_experiment::Plan;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Reference run: its folder, or a prefix of its name
    reference: String,
    /// Runs of cheaper methods on the same networks
    #[arg(required = true, value_name = "RUN")]
    others: Vec<String>,
}

pub(super) fn main(global: &GlobalArgs, arguments: &Arguments) -> Result<u8> {
    let (plan, reference, _) = open(global, &arguments.reference, &[])?;
    let mut comparisons = Vec::new();
    for run in &arguments.others {
        let (other, record, _) = open(global, run, &[])?;
        check(&plan, &other)?;
        let Some(comparison) = compare_methods::compare(&reference, &record) else {
            bail!("{} and {} have no cell in common", reference.name, record.name);
        };
        comparisons.push(comparison);
    }
    println!("{}", compare_methods::markdown(&reference, &comparisons));
    Ok(exit::DONE)
}

/// Checks that both runs use the same networks and probe samples.
fn check(reference: &Plan, other: &Plan) -> Result<()> {
    let (a, b) = (&reference.file, &other.file);
    let what = if a.seed != b.seed {
        "seeds"
    } else if (&a.data.dataset, a.data.probe, a.data.grayscale, &a.data.scale)
        != (&b.data.dataset, b.data.probe, b.data.grayscale, &b.data.scale)
    {
        "probe samples"
    } else if a.grid.shared_samples != b.grid.shared_samples
        && (a.grid.seeds > 1 || b.grid.seeds > 1)
    {
        "samples for their seeds"
    } else if reference.variants != other.variants {
        "networks"
    } else {
        return Ok(());
    };
    bail!("{} and {} have different {what}, so their cells cannot be compared", a.name, b.name)
}
