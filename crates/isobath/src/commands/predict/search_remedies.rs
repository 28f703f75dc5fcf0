//! Search for changes of a network whose probability is not known.

use anyhow::Result;
use isobath_experiment::NetworkKind;
use isobath_verdict::{Diagnosis, DiagnosisKind};

use super::{
    assess::{self, Assessment},
    prescription::{
        Alternative, LEAST_RATE, MOST_RATE, Prescription, Search, learning_rate, rounded, short,
        sorted, suggested, with_rate,
    },
    remedy::Remedy,
};

impl Search<'_> {
    /// Tries changes of a network whose probability is not known.
    pub(super) fn remedies(&self, present: &Assessment) -> Result<Prescription> {
        let mut found = Prescription::default();
        let now = learning_rate(self.described.training.params().optimizer);
        let diverges = |reason: &Diagnosis| reason.kind == DiagnosisKind::Diverges;
        let mut rates = suggested(present, now);
        if present.diagnoses.iter().any(diverges) {
            rates.extend([0.1 * now, 0.01 * now]);
        }
        // As much as the forecast wants leaves it at the limit.
        rates.extend(rates.iter().filter(|&&lr| lr > now).map(|lr| 2.0 * lr).collect::<Vec<_>>());
        let mut changes: Vec<(String, Vec<String>)> = Vec::new();
        for lr in rates.into_iter().map(rounded).filter(|lr| (LEAST_RATE..=MOST_RATE).contains(lr))
        {
            let change = (format!("a learning rate of {}", short(lr)), vec![self.rate_setting(lr)]);
            if self.is_over(&mut found) {
                break;
            }
            let training = with_rate(&self.described.training, lr)?;
            let measurement = present.measurement.clone();
            let after =
                assess::with_training(self.described, &training, measurement, self.calibration)?;
            found.tried += 1;
            found.remedies.extend(Remedy::of(change, present, &after));
        }
        if !self.is_onnx {
            changes.extend(self.initialisations());
            changes.extend(self.branches());
            changes.extend(self.architectures());
        }
        for (change, settings) in changes {
            if self.is_over(&mut found) {
                break;
            }
            let Some(other) = self.changed(&settings)? else { continue };
            let after = assess::assess(&other, self.calibration)?;
            found.tried += 1;
            match after.known() {
                Some(probability) => found.alternatives.push(Alternative {
                    change,
                    settings,
                    learning_rate: None,
                    probability,
                }),
                None => found.remedies.extend(Remedy::of((change, settings), present, &after)),
            }
        }
        let is_too_deep = present.outside.iter().all(|outside| outside.feature == "ln_depth");
        if !self.is_onnx && is_too_deep {
            self.depths(present, &mut found)?;
        }
        found.remedies.sort_by(|a, b| a.severity.total_cmp(&b.severity));
        Ok(sorted(found, present))
    }

    /// Smaller branches of a residual network, so that the sum over all blocks keeps its size.
    fn branches(&self) -> Vec<(String, Vec<String>)> {
        let plan = &self.described.plan;
        if plan.file.network.kind != NetworkKind::Resnet {
            return Vec::new();
        }
        let variance = rounded(1.0 / plan.depth.max(1) as f64);
        let value = format!("{{ sigma_w2 = {variance}, sigma_b2 = 0.0 }}");
        let words = format!("weights with sigma_w2 = {variance}, one over the depth");
        vec![(words, self.with_init(&value, &[]))]
    }
}
