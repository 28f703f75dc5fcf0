//! Programs that computed the results of a store.

use std::collections::BTreeSet;

use super::{Kind, Store, StoreFile};
use crate::Result;

impl Store {
    /// Versions and instruction sets of the programs that computed the results, sorted. Results from before programs were
    /// recorded add none.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn programs(&self) -> Result<Vec<String>> {
        let mut all = BTreeSet::new();
        for file in &self.files {
            all.extend(file.list(Kind::Programs)?);
        }
        Ok(all.into_iter().collect())
    }

    /// Records further programs in the written file.
    pub(super) fn add_programs(&self, programs: &[String]) -> Result<()> {
        add_programs(self.own()?, programs)
    }
}

/// Records further programs in `file`.
pub(crate) fn add_programs(file: &StoreFile, programs: &[String]) -> Result<()> {
    let mut all: BTreeSet<String> = file.list(Kind::Programs)?.into_iter().collect();
    all.extend(programs.iter().cloned());
    file.set_list(Kind::Programs, &all.into_iter().collect::<Vec<_>>())
}
