//! Changing single fields by their dotted keys.

use toml::{Table, Value};

use super::{Recipe, RecipeError, old_names::present_key};

impl Recipe {
    /// Changes the field of a dotted key, such as `optimizer.rate` or `augment.mixup`. The value is
    /// TOML; text needs no quotes. [Old names](super::OldName) work too.
    ///
    /// Several changes that are valid only together are made with [`Self::set_all`].
    ///
    /// # Errors
    /// [`RecipeError::Set`] when there is no such field or the value has the wrong type;
    /// [`RecipeError::Range`] when the value is out of range. The recipe is then unchanged.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), RecipeError> {
        self.set_all(&[(key, value)])
    }

    /// Calls [`Self::set`] for each pair in order, but checks the recipe only at the end.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn set_all(&mut self, changes: &[(&str, &str)]) -> Result<(), RecipeError> {
        let mut recipe = self.clone();
        for (key, value) in changes {
            let why = |why: String| RecipeError::Set {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
                why,
            };
            let mut table = Table::try_from(&recipe).map_err(|e| why(e.to_string()))?;
            put(&mut table, present_key(key), parse(value)).map_err(&why)?;
            recipe = table.try_into().map_err(|e: toml::de::Error| why(e.message().to_owned()))?;
        }
        recipe.validate()?;
        *self = recipe;
        Ok(())
    }
}

/// The text as a TOML value, or else as a string.
fn parse(text: &str) -> Value {
    let read = toml::from_str::<Table>(&format!("value = {text}")).ok();
    // More than one key would be TOML that the text smuggles in after a line break.
    let read = read.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn put(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
            Ok(())
        }
        Some((first, rest)) => match table.get_mut(first) {
            Some(Value::Table(inner)) => put(inner, rest, value),
            Some(_) => Err(format!("`{first}` has no fields")),
            // A table that a recipe may leave out. Serde refuses those that no recipe has.
            None => {
                let mut inner = Table::new();
                put(&mut inner, rest, value)?;
                table.insert(first.to_owned(), Value::Table(inner));
                Ok(())
            }
        },
    }
}
