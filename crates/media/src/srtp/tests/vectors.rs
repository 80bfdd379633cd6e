//! Test vectors of the RFCs, and packets that libsrtp's own test (`test/srtp_driver.c`) expects.

use super::super::cipher::Cipher;
use super::super::keys::SessionKeys;
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn derived(suite: Suite, key_and_salt: &str, label: u8, length: usize) -> Vec<u8> {
    let mut out = vec![0xff; length];
    MasterKey::new(suite, &hex(key_and_salt)).unwrap().derive(label, &mut out);
    out
}

#[test]
fn the_key_stream_is_that_of_rfc_3711_b_2() {
    let keys = SessionKeys::given(
        Suite::AesCm128HmacSha1_80,
        &hex("2B7E151628AED2A6ABF7158809CF4F3C"),
        &[0; 20],
        &hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"),
    );
    let Cipher::CounterMode(cipher) = Cipher::new(&keys) else { panic!("not counter mode") };
    let mut stream = vec![0; 0xff02 * 16];
    cipher.apply(0, 0, &mut stream).unwrap();
    let expected =
        "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(stream[..48], hex(expected));
    let expected =
        "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44";
    assert_eq!(stream[0xfeff * 16..], hex(expected));
}

#[test]
fn session_keys_are_those_of_rfc_3711_b_3() {
    let suite = Suite::AesCm128HmacSha1_80;
    let master = "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6";
    assert_eq!(derived(suite, master, 0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(suite, master, 2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    let authentication = "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE \
        E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 \
        6B68642C59BBFC2F34DB60DBDFB2";
    assert_eq!(derived(suite, master, 1, 94), hex(authentication));
}

#[test]
fn session_keys_with_aes_256_are_those_of_rfc_6188_7_2() {
    let suite = Suite::AesCm256HmacSha1_80;
    let master =
        "f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2";
    assert_eq!(
        derived(suite, master, 0, 32),
        hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4")
    );
    assert_eq!(derived(suite, master, 2, 14), hex("fa31791685ca444a9e07c6c64e93"));
    assert_eq!(derived(suite, master, 1, 20), hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
}

/// The key of RFC 7714 sections 16 and 17, cut to the length of the suite, and its salt "Quid pro quo".
fn quid_pro_quo(suite: Suite) -> SessionKeys {
    let key: Vec<u8> = (0..suite.key_bytes()).map(|at| at as u8).collect();
    SessionKeys::given(suite, &key, &[], b"Quid pro quo")
}

#[test]
fn srtp_with_gcm_is_that_of_rfc_7714_16() {
    let plain = hex(
        "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e697320646976697361 20696e207061727465732074726573",
    );
    let expected = [
        (
            Suite::AeadAes128Gcm,
            "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833 \
             899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            Suite::AeadAes256Gcm,
            "8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b \
             7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ];
    for (suite, expected) in expected {
        let keys = quid_pro_quo(suite);
        let sent = protected(&mut Outbound::given(&keys), &plain);
        assert_eq!(sent, hex(expected), "{suite:?}");
        assert_eq!(unprotected(&mut Inbound::given(&keys), &sent), Ok(plain.clone()), "{suite:?}");
    }
}

const MARS: &str = "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61 deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

#[test]
fn srtcp_with_gcm_is_that_of_rfc_7714_17() {
    let expected = [
        (
            Suite::AeadAes128Gcm,
            "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b \
             c84aa45896cf4d2fc5abf87245d9eade 800005d4",
        ),
        (
            Suite::AeadAes256Gcm,
            "81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad \
             1d1eb30c4446839f57ff6f6cb26ac3be 800005d4",
        ),
    ];
    for (suite, expected) in expected {
        let keys = quid_pro_quo(suite);
        let mut sender = Outbound::given(&keys);
        sender.set_rtcp_next(0x4d61_7273, 0x5d4);
        let sent = protected_rtcp(&mut sender, &hex(MARS));
        assert_eq!(sent, hex(expected), "{suite:?}");
        assert_eq!(unprotected_rtcp(&mut Inbound::given(&keys), &sent), Ok(hex(MARS)), "{suite:?}");
    }
}

#[test]
fn srtcp_that_is_only_authenticated_with_gcm_is_that_of_rfc_7714_17_3() {
    let tagged = hex(&format!("{MARS} 841dd9683dd78ec92ae58790125f62b3 000005d4"));
    let mut receiver = Inbound::given(&quid_pro_quo(Suite::AeadAes128Gcm));
    let mut altered = tagged.clone();
    altered[20] ^= 1;
    assert_eq!(unprotected_rtcp(&mut receiver, &altered), Err(SrtpError::Unauthenticated));
    assert_eq!(unprotected_rtcp(&mut receiver, &tagged), Ok(hex(MARS)));
    assert_eq!(unprotected_rtcp(&mut receiver, &tagged), Err(SrtpError::Replayed));
}

/// Master key and salt, and the packets that libsrtp makes of the same plain ones. Its SRTCP index begins with 1.
#[test]
fn packets_are_those_of_libsrtp() {
    let rtp = hex("800f1234decafbadcafebabe abababababababababababababababab");
    let rtcp = hex("81c8000bcafebabe abababababababababababababababab");
    let expected = [
        (
            Suite::AesCm128HmacSha1_80,
            "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6",
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
            "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
        ),
        (
            Suite::AesCm256HmacSha1_80,
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2",
            "800f1234decafbadcafebabe f1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b",
            "",
        ),
        (
            Suite::AeadAes128Gcm,
            "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab",
            "800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
            "81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001",
        ),
    ];
    for (suite, master, srtp, srtcp) in expected {
        let key = MasterKey::new(suite, &hex(master)).unwrap();
        let (mut sender, mut receiver) = (Outbound::new(&key), Inbound::new(&key));
        assert_eq!(protected(&mut sender, &rtp), hex(srtp), "{suite:?}");
        assert_eq!(unprotected(&mut receiver, &hex(srtp)), Ok(rtp.clone()), "{suite:?}");
        if !srtcp.is_empty() {
            sender.set_rtcp_next(0xcafe_babe, 1);
            assert_eq!(protected_rtcp(&mut sender, &rtcp), hex(srtcp), "{suite:?}");
            assert_eq!(unprotected_rtcp(&mut receiver, &hex(srtcp)), Ok(rtcp.clone()), "{suite:?}");
        }
    }
}

/// What the crate `rtc-srtp` 0.21.1 makes of two packets under the key whose bytes count up from 1, for every suite: an RTP
/// packet after one rollover, and a report with SRTCP index 1.
#[test]
fn packets_are_those_of_rtc_srtp_in_every_suite() {
    let rtp = hex("80080003000001e000000007 03020100070605040b0a09080f0e0d0c13121110");
    let rtcp = super::rtcp(7);
    let cm_128 = "80c9000100000007 8ef392e5b6dddc23 80000001 d1522b9df70a3311aeea";
    let cm_256 = "80c9000100000007 77ab285fc89e4990 80000001 222cec0d0137456443bb";
    let expected = [
        (Suite::AesCm128HmacSha1_32, "b6483ee1f2999c2f60d8b67f1c8a917871b880b1 5fa6d029", cm_128),
        (Suite::AesCm128HmacSha1_80, "b6483ee1f2999c2f60d8b67f1c8a917871b880b1 5fa6d029c69e9a4756dd", cm_128),
        (Suite::AesCm256HmacSha1_32, "3ab26a037b508857898424ae66f56afc7c8d613d 0f7b9f2a", cm_256),
        (Suite::AesCm256HmacSha1_80, "3ab26a037b508857898424ae66f56afc7c8d613d 0f7b9f2affad29500610", cm_256),
        (
            Suite::AeadAes128Gcm,
            "6a30db0232f9968cc9c59115d0d0e8a49d66df59 036d0ad9b774a387f332bb192b8bb02a",
            "80c9000100000007 2ccb803af825bbc7 6408d1656b535611cfd71e21c558e23f 80000001",
        ),
        (
            Suite::AeadAes256Gcm,
            "5d7e49cf172c5e1c3d95fa0060726de9f0261f72 2c055c18ce282ed337fa861cf93b553c",
            "80c9000100000007 6e99a8db8fac16a85b476d58fa6eeda6 124abebcbc9e747f 80000001",
        ),
    ];
    let source = SourceState { ssrc: 7, rtp_index: Some(0x1_0002), rtcp_index: None };
    let after_one_rollover = SrtpState { sources: vec![source], ..SrtpState::default() };
    for (suite, body, srtcp) in expected {
        let mut sender = Outbound::restored(&key(suite, 1), &after_one_rollover);
        let mut receiver = Inbound::restored(&key(suite, 1), &after_one_rollover);
        let srtp = [hex("80080003000001e000000007"), hex(body)].concat();
        assert_eq!(protected(&mut sender, &rtp), srtp, "{suite:?}");
        assert_eq!(unprotected(&mut receiver, &srtp), Ok(rtp.clone()), "{suite:?}");
        sender.set_rtcp_next(7, 1);
        assert_eq!(protected_rtcp(&mut sender, &rtcp), hex(srtcp), "{suite:?}");
        assert_eq!(unprotected_rtcp(&mut receiver, &hex(srtcp)), Ok(rtcp.clone()), "{suite:?}");
    }
}
