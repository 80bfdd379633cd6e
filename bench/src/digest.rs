//! RFC 3261/7616/8760 digest client side: MD5 and SHA-256, qop=auth or none.
use md5::{Digest, Md5};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alg {
    Md5,
    Sha256,
}

#[derive(Clone, Debug)]
pub struct Challenge {
    pub realm: String,
    pub nonce: String,
    pub opaque: Option<String>,
    pub qop: bool,
    pub alg: Alg,
    pub proxy: bool,
}

fn hex(b: &[u8], out: &mut Vec<u8>) {
    const H: &[u8; 16] = b"0123456789abcdef";
    for &x in b {
        out.push(H[(x >> 4) as usize]);
        out.push(H[(x & 15) as usize]);
    }
}

pub fn h(alg: Alg, parts: &[&[u8]]) -> Vec<u8> {
    let mut o = Vec::with_capacity(64);
    match alg {
        Alg::Md5 => {
            let mut d = Md5::new();
            for p in parts {
                d.update(p);
            }
            hex(&d.finalize(), &mut o);
        }
        Alg::Sha256 => {
            let mut d = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
            for p in parts {
                d.update(p);
            }
            hex(d.finish().as_ref(), &mut o);
        }
    }
    o
}

fn param<'a>(s: &'a str, key: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(p) = s[from..].find(key) {
        let i = from + p;
        let before = if i == 0 { b' ' } else { s.as_bytes()[i - 1] };
        let rest = &s[i + key.len()..];
        if (before == b' ' || before == b',' || before == b'\t') && rest.starts_with('=') {
            let v = &rest[1..];
            return Some(if let Some(v) = v.strip_prefix('"') {
                &v[..v.find('"').unwrap_or(v.len())]
            } else {
                v[..v.find([',', ' ', '\r', ';']).unwrap_or(v.len())].trim()
            });
        }
        from = i + key.len();
    }
    None
}

/// Takes the first challenge of a 401/407 whose algorithm we can do.
pub fn parse_challenge(msg: &[u8]) -> Option<Challenge> {
    let s = std::str::from_utf8(msg).ok()?;
    for line in s.split("\r\n") {
        let Some((n, v)) = line.split_once(':') else { continue };
        let proxy = n.eq_ignore_ascii_case("Proxy-Authenticate");
        if !(proxy || n.eq_ignore_ascii_case("WWW-Authenticate")) {
            continue;
        }
        let v = v.trim();
        if !v.get(..7).is_some_and(|x| x.eq_ignore_ascii_case("digest ")) {
            continue;
        }
        let v = &v[6..];
        let alg = match param(v, "algorithm") {
            None => Alg::Md5,
            Some(a) if a.eq_ignore_ascii_case("md5") => Alg::Md5,
            Some(a) if a.eq_ignore_ascii_case("sha-256") => Alg::Sha256,
            _ => continue,
        };
        return Some(Challenge {
            realm: param(v, "realm")?.into(),
            nonce: param(v, "nonce")?.into(),
            opaque: param(v, "opaque").map(|x| x.into()),
            qop: param(v, "qop").is_some_and(|q| q.split(',').any(|x| x.trim() == "auth")),
            alg,
            proxy,
        });
    }
    None
}

pub fn ha1(alg: Alg, user: &str, realm: &str, pw: &str) -> Vec<u8> {
    h(alg, &[user.as_bytes(), b":", realm.as_bytes(), b":", pw.as_bytes()])
}

/// Appends the whole header line.
pub fn authorize(out: &mut Vec<u8>, c: &Challenge, ha1: &[u8], user: &str, method: &str, uri: &str, nc: u32) {
    use std::io::Write;
    let ha2 = h(c.alg, &[method.as_bytes(), b":", uri.as_bytes()]);
    let _ = write!(
        out,
        "{}: Digest username=\"{}\",realm=\"{}\",nonce=\"{}\",uri=\"{}\",algorithm={}",
        if c.proxy { "Proxy-Authorization" } else { "Authorization" },
        user,
        c.realm,
        c.nonce,
        uri,
        if c.alg == Alg::Md5 { "MD5" } else { "SHA-256" }
    );
    if c.qop {
        let ncs = format!("{nc:08x}");
        let r = h(c.alg, &[ha1, b":", c.nonce.as_bytes(), b":", ncs.as_bytes(), b":b0a1c2d3:auth:", &ha2]);
        let _ = write!(
            out,
            ",qop=auth,nc={ncs},cnonce=\"b0a1c2d3\",response=\"{}\"",
            std::str::from_utf8(&r).unwrap()
        );
    } else {
        let r = h(c.alg, &[ha1, b":", c.nonce.as_bytes(), b":", &ha2]);
        let _ = write!(out, ",response=\"{}\"", std::str::from_utf8(&r).unwrap());
    }
    if let Some(o) = &c.opaque {
        let _ = write!(out, ",opaque=\"{o}\"");
    }
    out.extend_from_slice(b"\r\n");
}
