use tensor::{
    Backward, BatchEntropy, Dense, Divergence, GatherRows, LossGradient, RandomFill, Replay,
};

/// What training asks of a backend.
pub trait TrainerBackend:
    Dense + Backward + BatchEntropy + LossGradient + GatherRows + Divergence + RandomFill + Replay
{
}
impl<
    B: Dense + Backward + BatchEntropy + LossGradient + GatherRows + Divergence + RandomFill + Replay,
> TrainerBackend for B
{
}
