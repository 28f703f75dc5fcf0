use super::replay_by_doing;
use crate::Cpu;

replay_by_doing!(Cpu);
