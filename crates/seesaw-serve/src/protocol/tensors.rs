//! Tensors of the Open Inference Protocol as bytes: the binary tensor extension.

use axum::body::Bytes;

use crate::error::Problem;

/// Little-endian 32-bit floats.
pub fn floats(bytes: &[u8]) -> Result<Vec<f32>, Problem> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        let message = format!("{} bytes are no whole number of FP32", bytes.len());
        return Err(Problem::bad(message));
    }
    Ok(numbers.iter().map(|&number| f32::from_le_bytes(number)).collect())
}

/// The elements of a BYTES tensor: each is its length in four bytes, little-endian, and its content.
pub fn texts(mut bytes: Bytes, most: usize) -> Result<Vec<Bytes>, Problem> {
    let mut elements = Vec::new();
    while !bytes.is_empty() {
        if elements.len() == most {
            return Err(Problem::bad(format!("a BYTES tensor of more than {most} elements")));
        }
        let number = elements.len() + 1;
        let ends = || Problem::bad(format!("the BYTES tensor ends within element {number}"));
        let length = bytes.first_chunk::<4>().ok_or_else(ends)?;
        let length = u32::from_le_bytes(*length) as usize;
        let _ = bytes.split_to(4);
        if length > bytes.len() {
            return Err(ends());
        }
        elements.push(bytes.split_to(length));
    }
    Ok(elements)
}

/// Little-endian bytes of floats.
pub fn float_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The bytes of a BYTES tensor.
pub fn text_bytes(texts: &[String]) -> Vec<u8> {
    let element = |text: &String| {
        let length = u32::try_from(text.len()).expect("texts of ours are short");
        length.to_le_bytes().into_iter().chain(text.bytes()).collect::<Vec<u8>>()
    };
    texts.iter().flat_map(element).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_survive_their_bytes() {
        let numbers = [0.0, -1.5, f32::MIN_POSITIVE];
        assert_eq!(floats(&float_bytes(&numbers)).unwrap(), numbers);
        assert!(floats(&[0; 5]).unwrap_err().message.contains("5 bytes"));
        let both = ["a".to_owned(), String::new(), "größer".to_owned()];
        let read = texts(text_bytes(&both).into(), 3).unwrap();
        assert_eq!(read, both.map(Bytes::from));
    }

    #[test]
    fn lengths_are_checked() {
        for (bytes, part) in [
            (&b"\x01\0\0"[..], "within element 1"),
            (b"\x01\0\0\0a\xff\xff\xff\xffab", "within element 2"),
            (&[0; 12], "more than 2 elements"),
        ] {
            let problem = texts(Bytes::copy_from_slice(bytes), 2).unwrap_err();
            assert!(problem.message.contains(part), "{}", problem.message);
        }
    }
}
