use tensor::{Backward, Dense, Divergence, GatherRows, LossGradient, RandomFill};

/// What training asks of a backend.
pub trait TrainerBackend:
    Dense + Backward + LossGradient + GatherRows + Divergence + RandomFill
{
}
impl<B: Dense + Backward + LossGradient + GatherRows + Divergence + RandomFill> TrainerBackend
    for B
{
}
