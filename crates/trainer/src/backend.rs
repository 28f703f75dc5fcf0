use isobath_tensor::{
    Backward, BatchEntropy, Dense, Divergence, GatherRows, LossGradient, Optimize, RandomFill,
    Replay,
};

/// What training asks of a backend.
pub trait TrainerBackend:
    Dense
    + Backward
    + BatchEntropy
    + Optimize
    + LossGradient
    + GatherRows
    + Divergence
    + RandomFill
    + Replay
{
}
impl<
    B: Dense
        + Backward
        + BatchEntropy
        + Optimize
        + LossGradient
        + GatherRows
        + Divergence
        + RandomFill
        + Replay,
> TrainerBackend for B
{
}
