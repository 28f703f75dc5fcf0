//! Networks like those of a table of trainings, measured now.

use std::path::Path;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use isobath_analysis::outcomes::{Family, Grid, MeasuredNetwork, MeasuredScores, Table};
use isobath_experiment::Override;
use isobath_network::Network;
use isobath_tensor::{BackendTask, FullBackend};
use isobath_verdict::{Budget, Samples, linearised_gain};

use super::{
    GlobalArgs,
    predict::{Described, describe, of_plan, plan},
};

/// Name of the scores.
const NAME: &str = "linearised-accuracy";
/// Meaning of the scores.
const MEANING: &str = "accuracy above chance that the network linearised at its initialisation reaches within the budget, in \
                       units of that of ridge regression on the inputs";
/// Score that counts as success: half of what ridge regression reaches.
const THRESHOLD: f64 = 0.5;

/// Measures networks of each family of a table, as `file` describes them, at up to `depths` depths; families with dropout
/// are left out.
pub(super) fn measure(
    global: &GlobalArgs,
    file: &Path,
    table: &Table,
    depths: usize,
) -> Result<MeasuredScores> {
    let grid = match &table.grids[..] {
        [grid] => grid,
        grids => bail!(
            "the table has {} grids, and --network describes the training of one; choose it with --grid",
            grids.len()
        ),
    };
    let families: Vec<&Family> = grid.families.iter().filter(|family| family.keep >= 1.0).collect();
    if families.is_empty() {
        bail!("all networks of the grid have dropout, which measured scores do not cover");
    }
    let chosen = spread(grid, depths);
    let settings = settings(families[0], chosen[0])?;
    let first = describe(global, file, &settings)?;
    let style = ProgressStyle::with_template("measured {pos} of {len} networks · {eta} left")?;
    let bar = ProgressBar::new((families.len() * chosen.len()) as u64).with_style(style);
    let mut networks = Vec::new();
    for family in families {
        for &depth in &chosen {
            let plan = plan(file, &self::settings(family, depth)?)?;
            let described = of_plan(plan, first.data.clone());
            let score = score(&described)
                .with_context(|| format!("sigma_w2 = {}, depth {depth}", family.sigma_w2))?;
            networks.push(MeasuredNetwork { family: *family, depth, score });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let (name, meaning) = (NAME.to_owned(), MEANING.to_owned());
    Ok(MeasuredScores { name, meaning, threshold: THRESHOLD, networks })
}

/// Up to `most` of the grid's depths, evenly spread over their logarithms, the least and the greatest among them.
fn spread(grid: &Grid, most: usize) -> Vec<usize> {
    let mut depths: Vec<usize> = grid.networks.iter().map(|network| network.depth).collect();
    depths.sort_unstable();
    depths.dedup();
    let (Some(&least), Some(&greatest)) = (depths.first(), depths.last()) else { return depths };
    let octaves = (greatest as f64 / least as f64).ln();
    let at = |index: usize| {
        let share = index as f64 / most.saturating_sub(1).max(1) as f64;
        let wanted = least as f64 * (share * octaves).exp();
        let distance = |depth: &usize| (*depth as f64 / wanted).ln().abs();
        depths.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)))
    };
    let mut chosen: Vec<usize> = (0..most.max(1)).filter_map(at).collect();
    chosen.dedup();
    chosen
}

/// Changes of the file for one network of the table.
fn settings(family: &Family, depth: usize) -> Result<Vec<Override>> {
    let Family { activation, sigma_w2, sigma_b2, width, .. } = family;
    let mut settings = vec![
        format!("network.activation={activation}"),
        format!("grid={{ sigma_w2 = {sigma_w2:?}, sigma_b2 = {sigma_b2:?} }}"),
        format!("network.depth={depth}"),
        format!("train.depths={depth}"),
    ];
    settings.extend(width.map(|width| format!("network.width={width}")));
    settings.iter().map(|setting| Ok(setting.parse()?)).collect()
}

fn score(described: &Described) -> Result<f64> {
    struct Task<'a> {
        network: &'a Network,
        samples: Samples<'a>,
        budget: Budget,
        seed: u64,
    }
    impl BackendTask for Task<'_> {
        type Output = isobath_verdict::Result<f64>;

        fn run<B: FullBackend>(self, backend: B) -> Self::Output {
            linearised_gain(&backend, self.network, self.samples, self.budget, self.seed)
        }
    }
    let params = described.training.params();
    let budget = Budget {
        optimizer: params.optimizer,
        steps: described.steps(),
        batch: params.batch,
        loss: params.loss,
    };
    let samples = Samples { train: described.data.train(), held_out: described.data.probe() };
    let task = Task { network: &described.network, samples, budget, seed: described.seed };
    Ok(described.backend().dispatch(task)??)
}

#[cfg(test)]
mod tests {
    use isobath_analysis::outcomes::TableSettings;
    use isobath_architecture::Activation;

    use super::*;

    #[test]
    fn depths_are_spread_over_octaves() {
        let settings = TableSettings {
            activation: Some(Activation::Tanh),
            sigma_b2: Some(0.05),
            ..TableSettings::default()
        };
        let rows: Vec<String> = (1..=32).map(|depth| format!("1.5,{},1", 10 * depth)).collect();
        let text = format!("sigma_w2,depth,accuracy\n{}\n", rows.join("\n"));
        let grid = Table::read(&text, &settings).unwrap().grids.remove(0);
        assert_eq!(spread(&grid, 6), [10, 20, 40, 80, 160, 320]);
        assert_eq!(spread(&grid, 1), [10]);
        assert_eq!(spread(&grid, 1000).len(), 32);
    }
}
