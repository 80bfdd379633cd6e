//! A session description: no panic in any reader, and what is written is read as the same description.

pub fn sdp(data: &[u8]) {
    let Ok(description) = coeur_sdp::parse(data) else { return };
    let mut out = Vec::new();
    description.write(&mut out);
    let again = coeur_sdp::parse(&out).expect("what we write, we read");
    assert_eq!(again, description);
    let mut second = Vec::new();
    again.write(&mut second);
    assert_eq!(second, out);
    assert!(out.len() <= 2 * data.len() + 16, "{} bytes became {}", data.len(), out.len());
    let _ = description.origin();
    let _ = description.attributes(b"group").count();
    for (index, media) in description.media.iter().enumerate() {
        let _ = description.connection(index).and_then(|connection| connection.ip());
        let _ = description.direction(index);
        let _ = media.attribute(b"rtcp-mux");
        assert!(media.codecs().count() <= media.formats.len());
    }
}
