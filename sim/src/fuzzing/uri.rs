//! A URI: no panic, equality is reflexive and symmetric, unescaping ends.

use coeur_sip::Uri;

pub fn uri(data: &[u8]) {
    let (a, b) = data.split_at(data.len() / 2);
    let (whole, a, b) = (Uri::parse(data), Uri::parse(a), Uri::parse(b));
    if let Ok(Uri::Sip(uri)) = &whole {
        assert!(uri.equivalent(uri));
        let _ = coeur_sip::uri::unescaped(uri.user.unwrap_or_default()).count();
    }
    if let (Ok(Uri::Sip(a)), Ok(Uri::Sip(b))) = (&a, &b) {
        assert_eq!(a.equivalent(b), b.equivalent(a));
    }
}
