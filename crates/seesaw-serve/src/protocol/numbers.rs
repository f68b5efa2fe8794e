//! The elements of a tensor in JSON, nested or flat, without a tree of values in between.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// Elements in row-major order.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Elements {
    /// An empty array.
    #[default]
    None,
    Numbers(Vec<f32>),
    Texts(Vec<String>),
}

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut elements = Self::default();
        deserializer.deserialize_seq(Array(&mut elements))?;
        Ok(elements)
    }
}

/// An array whose elements are appended.
struct Array<'a>(&'a mut Elements);

/// An element or an array.
struct Nested<'a>(&'a mut Elements);

impl<'de> de::Visitor<'de> for Array<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers or of strings, nested or flat")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while array.next_element_seed(Nested(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

impl<'de> de::DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Nested<'_> {
    fn number<E: de::Error>(self, number: f64) -> Result<(), E> {
        match self.0 {
            Elements::None => *self.0 = Elements::Numbers(vec![number as f32]),
            Elements::Numbers(numbers) => numbers.push(number as f32),
            Elements::Texts(_) => return Err(E::custom("numbers and strings are mixed")),
        }
        Ok(())
    }
}

impl<'de> de::Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a string, or an array of such")
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        self.number(number)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.number(number as f64)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.number(number as f64)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        match self.0 {
            Elements::None => *self.0 = Elements::Texts(vec![text.to_owned()]),
            Elements::Texts(texts) => texts.push(text.to_owned()),
            Elements::Numbers(_) => return Err(E::custom("numbers and strings are mixed")),
        }
        Ok(())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, array: A) -> Result<(), A::Error> {
        Array(self.0).visit_seq(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_or_flat_is_the_same() {
        let parse = |json: &str| serde_json::from_str::<Elements>(json).ok();
        let numbers = Some(Elements::Numbers(vec![1.0, -2.0, 0.5, 1e-3]));
        assert_eq!(parse("[1,-2,0.5,1e-3]"), numbers);
        assert_eq!(parse("[[[1],[-2]],[[0.5],[1e-3]],[]]"), numbers);
        assert_eq!(parse(r#"["a",["b"]]"#), Some(Elements::Texts(vec!["a".into(), "b".into()])));
        assert_eq!(parse("[[],[]]"), Some(Elements::None));
        for wrong in ["1", "{}", r#"[1,"a"]"#, r#"["a",1]"#, "[true]", "[null]", "[{}]", "[1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse(&deep).is_none(), "depth is bounded");
    }

    #[test]
    fn every_f32_survives_its_text() {
        let mut bits = 1_u32;
        for _ in 0..10_000 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = f32::from_bits(bits);
            if number.is_finite() {
                let text = serde_json::to_string(&[number]).unwrap();
                let Elements::Numbers(back) = serde_json::from_str(&text).unwrap() else {
                    panic!()
                };
                assert_eq!(back[0].to_bits(), bits, "{text}");
            }
        }
    }
}
