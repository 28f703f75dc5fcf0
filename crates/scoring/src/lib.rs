//! How right predictions were: plain statistics of scores against outcomes, knowing nothing of networks.
