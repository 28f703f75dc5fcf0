//! Figure of the reliability of the probabilities.

use std::path::{Path, PathBuf};

use anyhow::Result;
use isobath_report::theory_figures::{
    AxisSpec, Line, LineStyle, Panel, Panels, PointWithBar, write_panels,
};
use isobath_verdict::Skill;

/// Writes the reliability curves of models as PNG and SVG into `folder`, one panel for each. Returns the files.
pub(super) fn write(skills: &[(&str, &Skill)], folder: &Path) -> Result<Vec<PathBuf>> {
    let panels = Panels {
        stem: "reliability".to_owned(),
        title: "Reliability on families of networks left out of the fit".to_owned(),
        list: skills.iter().map(|(title, skill)| panel(title, skill)).collect(),
        legend: vec![(LineStyle::HELP, "perfect calibration".to_owned())],
        marks: vec![(0, "observed share with its 95% interval by family".to_owned())],
        critical: String::new(),
    };
    Ok(write_panels(&panels, folder)?)
}

fn panel(title: &str, skill: &Skill) -> Panel {
    let axis =
        |label: &str| AxisSpec { label: label.to_owned(), low: 0.0, high: 1.0, logarithmic: false };
    let point = |&[predicted, observed, low, high, _]: &[f64; 5]| PointWithBar {
        series: 0,
        at: (predicted, observed),
        bar: (low, high),
    };
    Panel {
        title: format!("{title}: Brier score {:.3}", skill.brier[0]),
        x: axis("predicted probability"),
        y: axis("share that succeeds"),
        lines: vec![Line { style: LineStyle::HELP, points: vec![(0.0, 0.0), (1.0, 1.0)] }],
        points: skill.reliability.iter().map(point).collect(),
        critical: None,
    }
}
