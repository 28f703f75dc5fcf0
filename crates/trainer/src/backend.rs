use tensor::{
    Backward, BatchEntropy, BatchedGemm, Dense, Divergence, GatherRows, LossGradient, RandomFill,
    Replay,
};

/// What training asks of a backend.
pub trait TrainerBackend:
    Dense
    + Backward
    + BatchEntropy
    + BatchedGemm
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
        + BatchedGemm
        + LossGradient
        + GatherRows
        + Divergence
        + RandomFill
        + Replay,
> TrainerBackend for B
{
}
