//! Measures the most that this processor can multiply and add, and how fast it reads memory.

use std::{
    hint::black_box,
    marker::PhantomData,
    time::{Duration, Instant},
};

use crate::{
    isa::IsaToken,
    parallel::{Team, share},
    simd::{CBLOCK, InstructionSet, Kernel, Vector},
};

/// Multiply-adds of all lanes and sums in one call of a burn loop, for each block of lanes.
const ROUNDS: usize = 20_000;
const SUMS: usize = 12;

/// Measures the peak of `team` on `token`'s instruction set, in GFLOP/s: two operations for each
/// multiply-add, best of several runs of about a millisecond, all threads at once.
pub fn gflops(token: IsaToken, team: &Team) -> f64 {
    let BurnKernel { run, lanes } = token.kernels().burn;
    let mut best = Duration::MAX;
    let deadline = Instant::now() + Duration::from_millis(300);
    while Instant::now() < deadline {
        let start = Instant::now();
        team.run(&|_| {
            let mut value = black_box(1e-9);
            // SAFETY: the token proves the instruction set.
            unsafe { run(&mut value) };
            black_box(value);
        });
        best = best.min(start.elapsed());
    }
    let operations = 2 * ROUNDS * SUMS * lanes * team.threads();
    operations as f64 / best.as_nanos() as f64
}

/// Measures how fast `team` reads memory that is in no cache, in GB/s: best of several passes over
/// 64 MiB a thread.
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
            black_box(sums);
        });
        best = best.min(start.elapsed());
    }
    (buffer.len() * size_of::<f32>()) as f64 / best.as_nanos() as f64
}

/// [`Burn`] compiled for an instruction set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BurnKernel {
    run: unsafe fn(&mut f32),
    lanes: usize,
}

impl BurnKernel {
    pub const fn new<I: InstructionSet, V: Vector>() -> Self {
        Self { run: I::run::<Burn<V>>, lanes: V::LANES }
    }
}

/// A dozen independent sums, enough to hide the latency of two multiply-adds a cycle.
struct Burn<V>(PhantomData<V>);

impl<V: Vector> Kernel for Burn<V> {
    /// A small number, which is replaced by the result.
    type Args<'a> = &'a mut f32;

    #[inline(always)]
    unsafe fn run(value: &mut f32) {
        // SAFETY: the instruction set is enabled; the array has room for two blocks.
        unsafe {
            let (a, b) = (V::splat(*value), V::splat(*value + 1.0));
            let mut sums = [a; SUMS];
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = sum.mul_add(a, b);
                }
            }
            let total = sums.iter().fold(a, |total, sum| total.add(*sum));
            let mut lanes = [0.0f32; 16];
            total.store_cblocks(lanes.as_mut_ptr(), CBLOCK);
            *value = lanes[0];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "no threads, no clock")]
    fn memory_is_slower_than_light() {
        let speed = memory_gbps(&Team::new(2).unwrap());
        assert!(speed > 0.05 && speed < 10_000.0, "{speed}");
    }

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "no threads, no clock")]
    fn every_isa_here_has_a_peak() {
        for isa in Isa::present() {
            let peak = gflops(IsaToken::new(isa).unwrap(), &Team::solo());
            assert!(peak > 0.01 && peak < 10_000.0, "{isa}: {peak}");
        }
    }
}
