use super::replay_by_doing;
use crate::Reference;

replay_by_doing!(Reference);
