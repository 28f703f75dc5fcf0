use isobath_tensor::random::StreamRng;

/// Streams of this crate: one for each epoch, in a range no other crate uses.
const STREAMS: u64 = 3 << 32;

/// The order in which epoch `epoch`, counted from 0, goes through `samples` samples: a permutation of `0..samples`,
/// uniform among all of them (Fisher and Yates), and a function of the three arguments alone.
///
/// # Panics
/// When there are more than 4294967295 samples.
pub fn epoch_order(seed: u64, epoch: u64, samples: usize) -> Vec<u32> {
    StreamRng::new(seed, STREAMS + epoch).permutation(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_permutation() {
        let order = epoch_order(1, 0, 1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn epochs_and_seeds_differ() {
        assert_ne!(epoch_order(1, 0, 100), epoch_order(1, 1, 100));
        assert_ne!(epoch_order(1, 0, 100), epoch_order(2, 0, 100));
    }

    #[test]
    fn all_orders_are_equally_likely() {
        let mut counts = [0; 6];
        for seed in 0..6000 {
            let order = epoch_order(seed, 0, 3);
            counts[order[0] as usize * 2 + usize::from(order[1] > order[2])] += 1;
        }
        // Five standard deviations of a binomial count are 144.
        assert!(counts.iter().all(|&count: &i32| (count - 1000).abs() < 145), "{counts:?}");
    }

    #[test]
    fn few_samples() {
        assert_eq!(epoch_order(1, 0, 0), Vec::<u32>::new());
        assert_eq!(epoch_order(1, 0, 1), [0]);
    }
}
