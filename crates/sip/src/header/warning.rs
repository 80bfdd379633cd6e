//! Warning (RFC 3261 section 20.43).

use super::HeaderError;
use crate::lex;

/// One value: code, agent, quoted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// Three digits.
    pub code: u16,
    pub agent: &'a [u8],
    /// Without its quotes.
    pub text: &'a [u8],
}

impl<'a> Warning<'a> {
    pub fn parse(value: &'a [u8]) -> Result<Warning<'a>, HeaderError> {
        let mut parts = value.splitn(3, |&byte| byte == b' ');
        let digits = parts.next().unwrap_or_default();
        let agent = parts.next().unwrap_or_default();
        let text = lex::trim(parts.next().unwrap_or_default());
        let code = lex::number_u16(digits).filter(|_| digits.len() == 3);
        match (code, text) {
            (Some(code), [b'"', .., b'"'])
                if !agent.is_empty() && lex::skip_quoted(text, 0) == Some(text.len()) =>
            {
                Ok(Warning { code, agent, text: lex::unquoted(text) })
            }
            _ => Err(HeaderError::new(0, "Malformed Warning")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_agent_and_text_are_read() {
        let warning = Warning::parse(b"370 devnull:5060 \"Choose a bigger pipe\"").unwrap();
        assert_eq!(warning.code, 370);
        assert_eq!(warning.agent, b"devnull:5060");
        assert_eq!(warning.text, b"Choose a bigger pipe");
        assert!(Warning::parse(b"1812 overture \"In Progress\"").is_err());
        assert!(Warning::parse(b"370 a").is_err());
    }
}
