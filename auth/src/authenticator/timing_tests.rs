//! Whether the time that a refusal takes tells how much of a guess was right, by Welch's test on interleaved samples, as
//! dudect does it: Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?", 2017.

use std::hint::black_box;
use std::time::Instant;

use super::tests::{FIRST, knows, limits};
use super::*;

/// Samples in all, over the kinds of guesses.
const SAMPLES: usize = 1_000_000;
/// What is in the code shows in each of so many parts of them; what else the machine does shows in one.
const ROUNDS: usize = 3;
/// Beyond this the means differ, says the paper.
const THRESHOLD: f64 = 4.5;
/// The share of the slowest samples that is left out: they are the machine's own interruptions.
const CROPPED: usize = 10;

/// Guesses of the same length as the good secret.
const KINDS: [fn(&mut [u8], u8); 3] = [
    // Right but for the first byte.
    |guess, noise| guess[0] = noise,
    // Right but for the last byte.
    |guess, noise| *guess.last_mut().unwrap() = noise,
    // Wrong in every byte.
    |guess, noise| guess.iter_mut().for_each(|byte| *byte = noise),
];

/// A small generator of noise, by Marsaglia: xorshift.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The largest difference between two kinds that shows in every round, in Welch's t.
fn largest_t(mut refuse: impl FnMut(&[u8]) -> bool) -> f64 {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let rounds: Vec<_> = (0..ROUNDS).map(|_| differences(&mut noise, &mut refuse)).collect();
    let least = |pair: usize, sign: f64| rounds.iter().map(|round| round[pair] * sign).fold(f64::INFINITY, f64::min);
    (0..KINDS.len()).flat_map(|pair| [least(pair, 1.0), least(pair, -1.0)]).fold(0.0, f64::max)
}

/// The differences between each two kinds, in Welch's t.
fn differences(noise: &mut Noise, refuse: &mut impl FnMut(&[u8]) -> bool) -> [f64; 3] {
    let mut times = KINDS.map(|_| Vec::with_capacity(SAMPLES / ROUNDS / 2));
    let mut guesses = KINDS.map(|_| FIRST.as_bytes().to_vec());
    let mut guess = FIRST.as_bytes().to_vec();
    for _ in 0..SAMPLES / ROUNDS {
        let random = noise.next();
        // Whatever the kind, the same is done before: what a processor remembers of it would be measured too.
        for (guess, alter) in guesses.iter_mut().zip(KINDS) {
            // A letter in upper case, which the good secret does not hold.
            alter(guess, b'A' + u8::try_from((random >> 32) % 26).unwrap());
        }
        let kind = usize::try_from(random % KINDS.len() as u64).unwrap();
        guess.copy_from_slice(&guesses[kind]);
        let begin = Instant::now();
        let refused = black_box(refuse(black_box(&guess)));
        times[kind].push(begin.elapsed().as_nanos() as f64);
        assert!(refused);
    }
    let mut all: Vec<_> = times.iter().flatten().copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let limit = all[all.len() - all.len() / CROPPED];
    let moments = times.map(|times| {
        let kept: Vec<_> = times.into_iter().filter(|time| *time < limit).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    let t = |(one, other): (usize, usize)| {
        let ((mean, error), (other_mean, other_error)) = (moments[one], moments[other]);
        (mean - other_mean) / (error + other_error).sqrt()
    };
    [(0, 1), (0, 2), (1, 2)].map(t)
}

#[test]
fn the_time_of_a_refusal_does_not_tell_how_good_a_guess_was() {
    let authenticator = Authenticator::new(knows(&[FIRST]), limits(None));
    let mut header = b"Bearer ".to_vec();
    let t = largest_t(|guess| {
        header.truncate(b"Bearer ".len());
        header.extend_from_slice(guess);
        authenticator.authenticate([header.as_slice()].into_iter(), std::iter::empty()).is_err()
    });
    println!("t = {t:.2} over {SAMPLES} samples");
    assert!(t < THRESHOLD, "t = {t:.2}");
}

#[test]
fn a_comparison_that_ends_at_the_first_difference_would_be_seen() {
    let t = largest_t(|guess| !guess.iter().zip(FIRST.as_bytes()).all(|(guessed, good)| guessed == good));
    println!("t = {t:.2} over {SAMPLES} samples");
    assert!(t > THRESHOLD, "t = {t:.2}");
}
