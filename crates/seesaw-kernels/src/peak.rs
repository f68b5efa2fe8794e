//! The most that this processor can multiply and add, measured.

use std::time::{Duration, Instant};

use crate::{
    isa::{Isa, IsaToken},
    parallel::{Team, share},
    simd::{self, Vector},
};

/// Multiply-adds of all lanes and sums in one call of a burn loop, for each block of lanes.
const ROUNDS: usize = 20_000;
const SUMS: usize = 12;

/// Measures the peak of `team` on `token`'s instruction set, in GFLOP/s: two operations for each
/// multiply-add, best of several runs of about a millisecond, all threads at once.
pub fn gflops(token: IsaToken, team: &Team) -> f64 {
    let (burn, lanes): (unsafe fn(f32) -> f32, usize) = match token.isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => (burn_avx512, simd::Avx512::LANES),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => (burn_avx2, simd::Avx2::LANES),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => (burn_neon, simd::Neon::LANES),
        _ => (burn_portable, simd::Portable::LANES),
    };
    let mut best = Duration::MAX;
    let deadline = Instant::now() + Duration::from_millis(300);
    while Instant::now() < deadline {
        let start = Instant::now();
        team.run(&|_| {
            // SAFETY: the token proves the instruction set.
            std::hint::black_box(unsafe { burn(std::hint::black_box(1e-9)) });
        });
        best = best.min(start.elapsed());
    }
    let operations = 2 * ROUNDS * SUMS * lanes * team.threads();
    operations as f64 / best.as_nanos() as f64
}

/// Measures how fast `team` reads from memory what is in no cache, in GB/s: best of several passes
/// over 64 MiB a thread.
pub fn memory_gbps(team: &Team) -> f64 {
    let buffer = vec![1.0f32; (64 << 20) / size_of::<f32>() * team.threads()];
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        team.run(&|index| {
            let mine = &buffer[share(buffer.len(), team.threads(), index)];
            let mut sums = [0.0f32; 32];
            for line in mine.as_chunks().0 {
                for (sum, value) in sums.iter_mut().zip(line as &[f32; 32]) {
                    *sum += value;
                }
            }
            std::hint::black_box(sums);
        });
        best = best.min(start.elapsed());
    }
    (buffer.len() * size_of::<f32>()) as f64 / best.as_nanos() as f64
}

/// A dozen independent sums, enough to hide the latency of two multiply-adds a cycle.
///
/// # Safety
/// `V`'s instruction set must be enabled.
#[inline(always)]
unsafe fn burn<V: Vector>(seed: f32) -> f32 {
    // SAFETY: the caller's contract; the array has room for two blocks.
    unsafe {
        let (a, b) = (V::splat(seed), V::splat(seed + 1.0));
        let mut sums = [a; SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = sum.mul_add(a, b);
            }
        }
        let total = sums.iter().fold(a, |total, sum| total.add(*sum));
        let mut lanes = [0.0f32; 16];
        total.store_cblocks(lanes.as_mut_ptr(), simd::CBLOCK);
        lanes[0]
    }
}

macro_rules! burn_fn {
    ($name:ident, $(#[$feature:meta])?, $vector:ty) => {
        $(#[$feature])?
        unsafe fn $name(seed: f32) -> f32 {
            // SAFETY: the feature is enabled on this function.
            unsafe { burn::<$vector>(seed) }
        }
    };
}
#[cfg(target_arch = "x86_64")]
burn_fn!(burn_avx512, #[target_feature(enable = "avx512f,avx512vl,avx2,fma")], simd::Avx512);
#[cfg(target_arch = "x86_64")]
burn_fn!(burn_avx2, #[target_feature(enable = "avx2,fma")], simd::Avx2);
#[cfg(target_arch = "aarch64")]
burn_fn!(burn_neon, #[target_feature(enable = "neon")], simd::Neon);
burn_fn!(burn_portable, , simd::Portable);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_slower_than_light() {
        let speed = memory_gbps(&Team::new(2).unwrap());
        assert!(speed > 0.05 && speed < 10_000.0, "{speed}");
    }

    #[test]
    fn every_isa_here_has_a_peak() {
        for isa in Isa::present() {
            let peak = gflops(IsaToken::new(isa).unwrap(), &Team::solo());
            assert!(peak > 0.01 && peak < 10_000.0, "{isa}: {peak}");
        }
    }
}
