//! The loops that write pairs of bf16, over vectors.

use std::marker::PhantomData;

use super::{
    bf16::{Combined, Normalized},
    prefetch::fetch_ahead,
    storage::{SLOTS, Storage, Stored},
};
use crate::{
    element::Slot,
    simd::{Bf16Conversion, CBLOCK, InstructionSet, Kernel, Vector},
};

/// The arguments of [`Channels`]: `kept` must be null or writable for the map, `out` for its slots.
pub(crate) struct ChannelsTask<'a> {
    pub map: &'a Normalized<'a>,
    pub kept: *mut f32,
    pub out: *mut Slot,
}

/// The arguments of [`Pixels`]: `out` must be writable for the map's slots.
pub(crate) struct PixelsTask<'a> {
    pub map: &'a Normalized<'a>,
    pub out: *mut Slot,
}

/// The arguments of [`CombineSlots`]: both outputs must be writable for the map's slots.
pub(crate) struct CombineSlotsTask<'a> {
    pub map: &'a Combined<'a>,
    pub channels: *mut Slot,
    pub pixels: *mut Slot,
}

/// The loops compiled for an instruction set and a storage.
///
/// # Safety
/// Of each: the instruction set must be present; otherwise as the task says.
#[derive(Debug)]
pub(crate) struct Bf16Fns {
    pub storage: Storage,
    pub channels: unsafe fn(ChannelsTask<'_>),
    pub pixels: unsafe fn(PixelsTask<'_>),
    pub combine: unsafe fn(CombineSlotsTask<'_>),
}

impl Bf16Fns {
    pub const fn new<I, C, S>() -> Self
    where
        I: InstructionSet,
        C: Bf16Conversion,
        S: Stored<Vector = C::Vector>,
    {
        Self {
            storage: S::STORAGE,
            channels: I::run::<Channels<C, S>>,
            pixels: I::run::<Pixels<C, S>>,
            combine: I::run::<CombineSlots<C, S>>,
        }
    }
}

struct Channels<C, S>(PhantomData<(C, S)>);
struct Pixels<C, S>(PhantomData<(C, S)>);
struct CombineSlots<C, S>(PhantomData<(C, S)>);

impl Normalized<'_> {
    /// A pixel.
    ///
    /// # Safety
    /// There must be that pixel, and the instruction set must be enabled.
    #[inline(always)]
    unsafe fn at<S: Stored>(&self, pixel: usize) -> S::Vector {
        // SAFETY: the caller's contract.
        unsafe {
            let x = self.raw.as_ptr().add(pixel * S::PIXEL);
            fetch_ahead(x);
            let scale = S::Vector::load(self.affine.scale.as_ptr());
            let shift = S::Vector::load(self.affine.shift.as_ptr());
            let mut y = shift.mul_add(S::load(x), scale);
            if self.affine.relu6 {
                y = y.relu6();
            }
            match self.residual {
                Some(residual) => y.add(S::Vector::load(residual.as_ptr().add(pixel * CBLOCK))),
                None => y,
            }
        }
    }
}

impl Combined<'_> {
    /// A pixel.
    ///
    /// # Safety
    /// As [`Normalized::at`].
    #[inline(always)]
    unsafe fn at<S: Stored>(&self, pixel: usize) -> S::Vector {
        let at = pixel * S::PIXEL;
        // SAFETY: the caller's contract.
        unsafe {
            let (g, y) = (self.gradient.as_ptr().add(at), self.raw.as_ptr().add(at));
            fetch_ahead(g);
            fetch_ahead(y);
            let of_raw = S::Vector::load(self.by.of_raw.as_ptr());
            let of_gradient = S::Vector::load(self.by.of_gradient.as_ptr());
            let constant = S::Vector::load(self.by.constant.as_ptr());
            constant.mul_add(S::load(y), of_raw).mul_add(S::load(g), of_gradient)
        }
    }
}

impl<C: Bf16Conversion, S: Stored<Vector = C::Vector>> Kernel for Channels<C, S> {
    type Args<'a> = ChannelsTask<'a>;

    #[inline(always)]
    unsafe fn run(ChannelsTask { map, kept, out }: ChannelsTask<'_>) {
        let pixels = map.raw.len() / S::PIXEL;
        // SAFETY: the task's contract.
        unsafe {
            for pixel in (0..pixels - pixels % 2).step_by(2) {
                let (first, second) = (map.at::<S>(pixel), map.at::<S>(pixel + 1));
                if !kept.is_null() {
                    first.store_cblocks(kept.add(pixel * CBLOCK), 0);
                    second.store_cblocks(kept.add((pixel + 1) * CBLOCK), 0);
                }
                C::store_channel_pairs(first, second, out.add(pixel * SLOTS));
            }
            if pixels % 2 == 1 {
                let last = map.at::<S>(pixels - 1);
                if !kept.is_null() {
                    last.store_cblocks(kept.add((pixels - 1) * CBLOCK), 0);
                }
                C::store_pixel(last, out.add((pixels - 1) * SLOTS));
            }
        }
    }
}

impl<C: Bf16Conversion, S: Stored<Vector = C::Vector>> Kernel for Pixels<C, S> {
    type Args<'a> = PixelsTask<'a>;

    #[inline(always)]
    unsafe fn run(PixelsTask { map, out }: PixelsTask<'_>) {
        let pixels = map.raw.len() / S::PIXEL;
        // SAFETY: the task's contract.
        unsafe {
            for pixel in (0..pixels - pixels % 2).step_by(2) {
                let (first, second) = (map.at::<S>(pixel), map.at::<S>(pixel + 1));
                C::store_pixel_pairs(first, second, out.add(pixel * SLOTS));
            }
            if pixels % 2 == 1 {
                let (last, none) = (map.at::<S>(pixels - 1), S::Vector::splat(0.0));
                C::store_pixel_pairs(last, none, out.add((pixels - 1) * SLOTS));
            }
        }
    }
}

impl<C: Bf16Conversion, S: Stored<Vector = C::Vector>> Kernel for CombineSlots<C, S> {
    type Args<'a> = CombineSlotsTask<'a>;

    #[inline(always)]
    unsafe fn run(CombineSlotsTask { map, channels, pixels }: CombineSlotsTask<'_>) {
        let count = map.raw.len() / S::PIXEL;
        // SAFETY: the task's contract.
        unsafe {
            for pixel in (0..count - count % 2).step_by(2) {
                let (first, second) = (map.at::<S>(pixel), map.at::<S>(pixel + 1));
                C::store_channel_pairs(first, second, channels.add(pixel * SLOTS));
                C::store_pixel_pairs(first, second, pixels.add(pixel * SLOTS));
            }
            if count % 2 == 1 {
                let (last, none) = (map.at::<S>(count - 1), S::Vector::splat(0.0));
                C::store_pixel(last, channels.add((count - 1) * SLOTS));
                C::store_pixel_pairs(last, none, pixels.add((count - 1) * SLOTS));
            }
        }
    }
}
