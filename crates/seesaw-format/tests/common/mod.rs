//! Pickles built by hand, in the container of PyTorch before 1.6.

/// A file whose object is `program`, without storages.
pub fn hostile(program: &[u8]) -> Vec<u8> {
    let mut file =
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}."
            .to_vec();
    file.extend(program);
    file.extend(b"\x80\x02].");
    file
}

/// The opcode that makes this text.
pub fn text(text: &str) -> Vec<u8> {
    [b"X".to_vec(), (text.len() as u32).to_le_bytes().to_vec(), text.as_bytes().to_vec()].concat()
}

/// A state dict of one tensor with these sizes and strides over a storage of two numbers, 1.5 and
/// 2.5.
pub fn view(name: &str, offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let tuple = |items: &[u8]| {
        let numbers: Vec<u8> = items.iter().flat_map(|n| [b'K', *n]).collect();
        [b"(".to_vec(), numbers, b"t".to_vec()].concat()
    };
    let program = [
        b"\x80\x02}".to_vec(),
        text(name),
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text("0"),
        text("cpu"),
        b"K\x02tQ".to_vec(),
        vec![b'K', offset],
        tuple(shape),
        tuple(strides),
        b"\x89NtRs.".to_vec(),
    ];
    let mut file = hostile(&program.concat());
    file.truncate(file.len() - 4);
    file.extend([b"\x80\x02]".to_vec(), text("0"), b"a.".to_vec()].concat());
    file.extend(2u64.to_le_bytes());
    file.extend([1.5f32.to_le_bytes(), 2.5f32.to_le_bytes()].concat());
    file
}
