//! Random changes of bytes.

use isobath_tensor::random::StreamRng;

/// Texts that parsers treat specially.
const TOKENS: &[&str] = &[
    "0",
    "1",
    "-1",
    "1e308",
    "1e-320",
    "nan",
    "inf",
    "9223372036854775807",
    "18446744073709551616",
    "100000000000",
    "\"\"",
    "[]",
    "{}",
    "[[",
    "]]",
    "\n",
    "=",
    "'''",
    "\"\"\"",
    "true",
    "# ",
    "\u{0}",
    "\u{feff}",
    "relative",
    "threshold",
    "digits",
    "shrink",
    "confident",
    "[train]",
    "from = 1, to = 2, step = 1e-9",
];

/// Changes `bytes` in one to four places; `others` are further inputs to copy from.
pub(crate) fn mutate(random: &mut StreamRng, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..=random.below(4) {
        change(random, bytes, others);
    }
}

fn change(random: &mut StreamRng, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    let below = |random: &mut StreamRng, bound: usize| random.below(bound.max(1) as u64) as usize;
    let place = below(random, bytes.len() + 1);
    let longest = 1 << below(random, 8);
    let end = (place + below(random, longest)).min(bytes.len());
    match below(random, 8) {
        0 if place < bytes.len() => bytes[place] ^= 1 << below(random, 8),
        1 if place < bytes.len() => bytes[place] = below(random, 256) as u8,
        2 => drop(bytes.drain(place..end)),
        3 => {
            let part = bytes[place..end].to_vec();
            bytes.splice(place..place, part);
        }
        4 => bytes.truncate(place),
        5 => {
            let token = TOKENS[below(random, TOKENS.len())].bytes();
            bytes.splice(place..end, token);
        }
        6 => {
            // A whole number of four bytes, as formats keep sizes.
            let power = 1 << below(random, 32);
            let number = [0, 1, u32::MAX, i32::MAX as u32, power][below(random, 5)];
            let big = below(random, 2) == 0;
            let number = if big { number.to_be_bytes() } else { number.to_le_bytes() };
            let end = (place + 4).min(bytes.len());
            bytes.splice(place..end, number);
        }
        _ => {
            let other = &others[below(random, others.len())];
            let from = below(random, other.len());
            let part = other[from..(from + below(random, 64)).min(other.len())].to_vec();
            bytes.splice(place..end, part);
        }
    }
}
