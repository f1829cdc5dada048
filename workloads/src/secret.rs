//! Passwords: a plan names the environment variable that holds one, never the password.

use std::env::{self, VarError};

use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// A secret, as a plan names it: `{ env = "VARIABLE" }`.
///
/// It holds the variable's name only, so it can be printed, logged and written to the run folder. The secret itself is
/// read when it is used.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Secret {
    /// The environment variable that holds the secret.
    env: String,
}

/// Why a secret cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no such variable.
    #[error("the environment variable {0} is not set; set it to the secret before the run")]
    Unset(String),
    /// The variable is empty.
    #[error("the environment variable {0} is empty; set it to the secret before the run")]
    Empty(String),
    /// The variable holds bytes that are no text.
    #[error("the environment variable {0} holds no UTF-8 text")]
    NotText(String),
}

impl Secret {
    /// The secret that a variable holds.
    pub fn from_env(variable: impl Into<String>) -> Self {
        Self {
            env: variable.into(),
        }
    }

    /// The variable's name.
    pub fn variable(&self) -> &str {
        &self.env
    }

    /// Reads the secret. Keep it out of everything that is printed or stored.
    ///
    /// # Errors
    /// The variable is not set, is empty, or is no text.
    pub fn reveal(&self) -> Result<String, SecretError> {
        match env::var(&self.env) {
            Ok(secret) if secret.is_empty() => Err(SecretError::Empty(self.env.clone())),
            Ok(secret) => Ok(secret),
            Err(VarError::NotPresent) => Err(SecretError::Unset(self.env.clone())),
            Err(VarError::NotUnicode(_)) => Err(SecretError::NotText(self.env.clone())),
        }
    }
}

/// `$VARIABLE`.
impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "${}", self.env)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("env", &self.env)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;

        impl<'de> Visitor<'de> for Named {
            type Value = Secret;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("{ env = \"VARIABLE\" }")
            }

            /// The text is not repeated: it is the secret.
            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Secret, E> {
                Err(E::custom(
                    "a secret does not belong into a plan: put it into an environment variable and write \
                     { env = \"VARIABLE\" }",
                ))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
                let mut env = None;
                while let Some(name) = map.next_key::<String>()? {
                    if name != "env" {
                        return Err(serde::de::Error::unknown_field(&name, &["env"]));
                    }
                    env = Some(map.next_value::<String>()?);
                }
                let env = env.ok_or_else(|| serde::de::Error::missing_field("env"))?;
                if env.is_empty() || env.contains(['=', '\0']) {
                    return Err(serde::de::Error::custom(format_args!(
                        "{env:?} is no name of an environment variable"
                    )));
                }
                Ok(Secret { env })
            }
        }

        deserializer.deserialize_any(Named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_secret_is_refused_and_not_repeated() {
        let error = serde_json::from_str::<Secret>("\"hunter2\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("environment variable"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn shows_the_name_of_the_variable_and_nothing_else() {
        let secret: Secret = serde_json::from_str(r#"{"env":"PATH"}"#).unwrap();
        let value = secret.reveal().unwrap();
        for shown in [
            format!("{secret}"),
            format!("{secret:?}"),
            serde_json::to_string(&secret).unwrap(),
        ] {
            assert!(shown.contains("PATH") && !shown.contains(&value), "{shown}");
        }
    }

    #[test]
    fn a_missing_variable_is_named() {
        let secret = Secret::from_env("SCHISM_NO_SUCH_VARIABLE");
        assert_eq!(
            secret.reveal(),
            Err(SecretError::Unset("SCHISM_NO_SUCH_VARIABLE".into()))
        );
        for wrong in [r#"{"env":""}"#, r#"{"env":"A=B"}"#, "{}", r#"{"file":"x"}"#] {
            serde_json::from_str::<Secret>(wrong).unwrap_err();
        }
    }
}
