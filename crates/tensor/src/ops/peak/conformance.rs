use crate::{
    FullBackend, Result,
    conformance::{Report, Suite},
};

/// A peak is a measurement: there is nothing to compare it with.
#[expect(clippy::unnecessary_wraps, reason = "every operation has this function")]
pub(crate) fn run<B: FullBackend>(_: &Suite<'_, B>, _: &mut Report) -> Result<()> {
    Ok(())
}
