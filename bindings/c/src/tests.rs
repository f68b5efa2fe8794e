//! Every function with valid, wrong and hostile arguments.

use std::{
    ffi::{CStr, c_char},
    ptr, thread,
};

use classifier::{Classifier, RgbImage};

use crate::{memory, *};

const WEIGHTS: &[u8] = include_bytes!("../../../weights/seesaw-shuffle-0.5d-cifar10.safetensors");
const IMAGE: usize = 3 * 32 * 32;

/// An open handle, to hand to threads.
#[derive(Clone, Copy)]
struct Handle(*mut SeesawModel);
// SAFETY: a handle is a number; the registry behind it has a lock.
unsafe impl Send for Handle {}

impl Handle {
    fn new(threads: usize, batch: usize) -> Self {
        let options = SeesawOptions { size: size_of::<SeesawOptions>(), threads, batch };
        let mut model = ptr::null_mut();
        let (bytes, length) = (WEIGHTS.as_ptr(), WEIGHTS.len());
        // SAFETY: all pointers are those of values that live.
        let status =
            unsafe { seesaw_model_open_bytes(bytes, length, &raw const options, &raw mut model) };
        assert_eq!(status, SeesawStatus::Ok, "{}", last());
        Self(model)
    }

    fn run(self, images: &[f32], logits: &mut [f32]) -> SeesawStatus {
        let (target, length) = (logits.as_mut_ptr(), logits.len());
        // SAFETY: both are slices.
        unsafe { seesaw_run(self.0, images.as_ptr(), images.len(), target, length) }
    }

    fn classify(self, rgb: &[u8], size: [usize; 3], probabilities: &mut [f32]) -> SeesawStatus {
        let ([width, height, stride], length) = (size, probabilities.len());
        let (pixels, target) = (rgb.as_ptr(), probabilities.as_mut_ptr());
        // SAFETY: both are slices.
        unsafe {
            seesaw_classify_rgb(self.0, pixels, rgb.len(), width, height, stride, target, length)
        }
    }

    fn free(self) {
        seesaw_model_free(self.0);
    }
}

fn last() -> String {
    let mut length = 0;
    // SAFETY: the text has a zero.
    let text = unsafe { CStr::from_ptr(seesaw_last_error(&raw mut length)) };
    assert_eq!(text.count_bytes(), length);
    text.to_str().unwrap().to_owned()
}

fn random(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn numbers_are_those_of_the_rust_library() {
    let (handle, rust) = (Handle::new(1, 3), Classifier::from_bytes(WEIGHTS).unwrap());
    assert_eq!(seesaw_model_classes(handle.0), 10);
    assert_eq!(seesaw_model_input_size(handle.0), 32);
    assert_eq!(seesaw_model_features(handle.0), 1280);
    let images = random(3 * IMAGE, 1);
    let mut logits = [0.0; 30];
    assert_eq!(handle.run(&images, &mut logits), SeesawStatus::Ok);
    let mut features = vec![0.0; 1280];
    let (target, length) = (features.as_mut_ptr(), features.len());
    // SAFETY: both are slices.
    let status = unsafe { seesaw_features(handle.0, images.as_ptr(), IMAGE, target, length) };
    assert_eq!(status, SeesawStatus::Ok);
    assert_eq!(features, rust.plan().pooled(&images[..IMAGE]).unwrap());
    for (image, logits) in images.chunks(IMAGE).zip(logits.chunks(10)) {
        assert_eq!(logits, rust.plan().logits(image).unwrap());
    }
    handle.free();
}

#[test]
fn rows_may_be_longer_than_their_pixels() {
    let (handle, rust) = (Handle::new(1, 0), Classifier::from_bytes(WEIGHTS).unwrap());
    let (width, height, stride) = (50, 40, 173);
    let rgb: Vec<u8> =
        random(stride * height, 2).iter().map(|x| (x * 120.0 + 128.0) as u8).collect();
    let pixels: Vec<u8> = rgb.chunks(stride).flat_map(|row| &row[..3 * width]).copied().collect();
    let image = RgbImage::new(50, 40, pixels).unwrap();
    let mut found = [0.0; 10];
    // The last row needs no padding.
    let shortest = stride * (height - 1) + 3 * width;
    let status = handle.classify(&rgb[..shortest], [width, height, stride], &mut found);
    assert_eq!(status, SeesawStatus::Ok, "{}", last());
    for guess in rust.classify(&image).unwrap() {
        assert_eq!(found[guess.class], guess.probability as f32);
    }
    let mut features = vec![0.0; 1280];
    let (pixels, target) = (rgb.as_ptr(), features.as_mut_ptr());
    // SAFETY: both are slices.
    let status = unsafe {
        seesaw_features_rgb(handle.0, pixels, rgb.len(), width, height, stride, target, 1280)
    };
    assert_eq!(status, SeesawStatus::Ok);
    assert_eq!(features, rust.features(&image).unwrap());
    handle.free();
}

#[test]
fn photos_are_decoded() {
    let (handle, rust) = (Handle::new(1, 0), Classifier::from_bytes(WEIGHTS).unwrap());
    let photo = seesaw_testing::bmp_of(40, 30, |x, y| [x as u8, y as u8, 9]);
    let mut found = [0.0; 10];
    let mut classify = |photo: &[u8]| {
        let (bytes, target) = (photo.as_ptr(), found.as_mut_ptr());
        // SAFETY: both are slices.
        unsafe { seesaw_classify_photo(handle.0, bytes, photo.len(), target, 10) }
    };
    assert_eq!(classify(&photo[..60]), SeesawStatus::Photo);
    assert!(!last().is_empty());
    assert_eq!(classify(b""), SeesawStatus::Photo);
    assert_eq!(classify(&photo), SeesawStatus::Ok, "{}", last());
    for guess in rust.classify_bytes(&photo).unwrap() {
        assert_eq!(found[guess.class], guess.probability as f32);
    }
    handle.free();
}

#[test]
fn texts_have_a_length_and_a_zero() {
    let handle = Handle::new(1, 0);
    let (mut text, mut length) = (ptr::null(), 0);
    // SAFETY: both are pointers to values.
    let status = unsafe { seesaw_model_label(handle.0, 9, &raw mut text, &raw mut length) };
    assert_eq!((status, length), (SeesawStatus::Ok, 5));
    // SAFETY: the text has a zero.
    assert_eq!(unsafe { CStr::from_ptr(text) }, c"truck");
    // SAFETY: a length is not required; nor is a class that exists, or a place for the text.
    unsafe {
        assert_eq!(
            seesaw_model_label(handle.0, 9, &raw mut text, ptr::null_mut()),
            SeesawStatus::Ok
        );
        let status = seesaw_model_label(handle.0, 10, &raw mut text, ptr::null_mut());
        assert_eq!((status, last().as_str()), (SeesawStatus::Argument, "class 10 of 10"));
        let status = seesaw_model_label(handle.0, 0, ptr::null_mut(), ptr::null_mut());
        assert_eq!((status, last().as_str()), (SeesawStatus::Argument, "class is null"));
        let status = seesaw_model_note(handle.0, 0, &raw mut text, ptr::null_mut());
        assert_eq!((status, last().as_str()), (SeesawStatus::Argument, "note 0 of 0"));
        assert!(!seesaw_version().is_null());
    }
    assert_eq!(seesaw_abi_version(), SEESAW_ABI_VERSION);
    handle.free();
}

#[test]
fn handles_that_are_not_open_are_errors() {
    let freed = Handle::new(1, 0);
    freed.free();
    freed.free();
    let never = Handle(ptr::without_provenance_mut(usize::MAX));
    for (handle, message) in [
        (freed, "model is not open: freed, or never opened"),
        (never, "model is not open: freed, or never opened"),
        (Handle(ptr::null_mut()), "model is null"),
    ] {
        assert_eq!(handle.run(&random(IMAGE, 1), &mut [0.0; 10]), SeesawStatus::Handle);
        assert_eq!(last(), message);
        assert_eq!(handle.classify(&[0; 3], [1, 1, 3], &mut [0.0; 10]), SeesawStatus::Handle);
        assert_eq!(seesaw_model_classes(handle.0), 0);
        handle.free();
    }
}

#[test]
fn wrong_lengths_and_pointers_are_errors_and_write_nothing() {
    let handle = Handle::new(1, 2);
    let mut logits = [7.0; 20];
    for (images, classes) in
        [(0, 10), (1, 10), (IMAGE - 1, 10), (IMAGE, 9), (IMAGE, 20), (3 * IMAGE, 20)]
    {
        let status = handle.run(&random(images, 1), &mut logits[..classes]);
        assert_eq!(status, SeesawStatus::Argument, "{images} {classes}");
    }
    assert_eq!(logits, [7.0; 20]);
    let images = random(IMAGE, 1);
    let too_long = format!("images has {} values, more than memory can hold", usize::MAX);
    let misaligned: *const f32 = images.as_ptr().cast::<u8>().wrapping_add(1).cast();
    for (pointer, length, message) in [
        (ptr::null(), IMAGE, "images is null"),
        (misaligned, IMAGE, "images is not aligned to 4 bytes"),
        (images.as_ptr(), usize::MAX, too_long.as_str()),
    ] {
        // SAFETY: these pointers and lengths are refused before they are used.
        let status = unsafe { seesaw_run(handle.0, pointer, length, logits.as_mut_ptr(), 10) };
        assert_eq!((status, last().as_str()), (SeesawStatus::Argument, message));
    }
    // SAFETY: null is refused.
    let nowhere = unsafe { memory::output::<f32>("logits", ptr::null_mut(), 0) };
    assert_eq!(nowhere.unwrap_err().message, "logits is null");
    handle.free();
}

#[test]
fn images_of_any_claimed_size_are_classified_or_refused() {
    let handle = Handle::new(1, 0);
    let rgb = vec![99; 3000];
    let sides = [0, 1, 2, 7, 31, 1000, 1 << 20, 1 << 31, usize::MAX / 3, usize::MAX];
    let mut classified = 0;
    for width in sides {
        for height in sides {
            for stride in [0, 3, 21, 100, 3000, usize::MAX].into_iter().chain(width.checked_mul(3))
            {
                let status = handle.classify(&rgb, [width, height, stride], &mut [0.0; 10]);
                let fits = width > 0 && height > 0 && width <= stride / 3 && {
                    let needed = stride as u128 * (height as u128 - 1) + 3 * width as u128;
                    needed <= 3000
                };
                let expected = if fits { SeesawStatus::Ok } else { SeesawStatus::Argument };
                assert_eq!(status, expected, "{width} {height} {stride}: {}", last());
                classified += usize::from(fits);
            }
        }
    }
    assert!(classified > 20);
    handle.free();
}

#[test]
fn not_numbers_do_no_harm() {
    let handle = Handle::new(1, 0);
    for value in [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE / 2.0] {
        assert_eq!(handle.run(&[value; IMAGE], &mut [0.0; 10]), SeesawStatus::Ok);
    }
    handle.free();
}

#[test]
fn options_may_be_older_newer_or_wrong() {
    // Two words more than this version knows.
    let mut options = [size_of::<[usize; 5]>(), 1, 2, 0, 0];
    let mut model = ptr::null_mut();
    let mut open = |options: &[usize; 5]| {
        let (bytes, length) = (WEIGHTS.as_ptr(), WEIGHTS.len());
        // SAFETY: the options are at least as long as they say.
        let status = unsafe {
            seesaw_model_open_bytes(bytes, length, options.as_ptr().cast(), &raw mut model)
        };
        seesaw_model_free(model);
        status
    };
    assert_eq!(open(&options), SeesawStatus::Ok);
    options[4] = 1;
    assert_eq!(open(&options), SeesawStatus::Argument);
    assert_eq!(last(), "options are set that this version of the library does not know");
    // Of an older program, which knew only the threads.
    assert_eq!(open(&[size_of::<[usize; 2]>(), 1, 9999, 0, 0]), SeesawStatus::Ok);
    for size in [0, 7, 5000, usize::MAX] {
        assert_eq!(open(&[size, 1, 1, 0, 0]), SeesawStatus::Argument);
        assert_eq!(last(), format!("options.size is {size}; set it to sizeof(SeesawOptions)"));
    }
    assert_eq!(open(&[24, 1, 4097, 0, 0]), SeesawStatus::Argument);
    assert_eq!(open(&[24, 5000, 1, 0, 0]), SeesawStatus::System);
    assert!(last().contains("5000"), "{}", last());
}

#[test]
fn damaged_files_and_missing_ones_are_errors() {
    let mut model = ptr::null_mut();
    for length in (0..WEIGHTS.len()).step_by(WEIGHTS.len() / 50).chain([1, 8, 100]) {
        // SAFETY: the bytes are that long.
        let status = unsafe {
            seesaw_model_open_bytes(WEIGHTS.as_ptr(), length, ptr::null(), &raw mut model)
        };
        assert_eq!(status, SeesawStatus::Model, "{length}");
    }
    let path: *const c_char = c"no/such\xff/file".as_ptr();
    // SAFETY: the path has at least 12 bytes.
    let status = unsafe { seesaw_model_open(path, 12, ptr::null(), &raw mut model) };
    assert_eq!(status, if cfg!(unix) { SeesawStatus::Model } else { SeesawStatus::Argument });
    assert!(last().contains("no/such"), "{}", last());
    assert!(model.is_null(), "nothing is written");
}

#[test]
fn threads_share_a_model_that_one_of_them_frees() {
    let handle = Handle::new(1, 0);
    let images = random(IMAGE, 4);
    let mut expected = [0.0; 10];
    assert_eq!(handle.run(&images, &mut expected), SeesawStatus::Ok);
    let work = |images: Vec<f32>| {
        move || {
            let mut answers = 0;
            loop {
                let mut logits = [0.0; 10];
                match handle.run(&images, &mut logits) {
                    SeesawStatus::Ok => assert_eq!(logits, expected),
                    status => break assert_eq!(status, SeesawStatus::Handle),
                }
                answers += 1;
                if answers == 20 {
                    handle.free();
                }
            }
        }
    };
    let threads = [0; 3].map(|_| thread::spawn(work(images.clone())));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
