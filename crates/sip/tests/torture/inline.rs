//! The most telling messages of RFC 4475, so that the suite says something where the shared test data is absent.
//! `super::rfc4475` checks that they are what the data holds.

pub(crate) const MESSAGES: &[(&str, &[u8])] = &[
    ("wsinv", b"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n\
      TO :\r\n\
      \x20sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n\
      from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n\
      \x20 ;\r\n\
      \x20 tag = 98asjd8\r\n\
      MaX-fOrWaRdS: 0068\r\n\
      Call-ID: wsinv.ndaksdj@192.0.2.1\r\n\
      Content-Length   : 150\r\n\
      cseq: 0009\r\n\
      \x20 INVITE\r\n\
      Via  : SIP  /   2.0\r\n\
      \x20/UDP\r\n\
      \x20   192.0.2.2;branch=390skdjuw\r\n\
      s :\r\n\
      NewFangledHeader:   newfangled value\r\n\
      \x20continued newfangled value\r\n\
      UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n\
      Content-Type: application/sdp\r\n\
      Route:\r\n\
      \x20<sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n\
      v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n\
      \x20 branch  =   z9hG4bK9ikj8  ,\r\n\
      \x20SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n\
      \x20z9hG4bK30239\r\n\
      m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n\
      \x20     newvalue ;\r\n\
      \x20 secondparam ; q = 0.33\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.3\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.4\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("intmeth", b"!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0\r\n\
      Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\r\n\
      To: \"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>\r\n\
      From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0\xd0\xb1\xd0\xbe\xd1\x82\xd0\xb0\xd1\x8e\xd1\x89\xd0\xb8\xd0\xb9\";tag=_token~1'+`*%!-.\r\n\
      Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\r\n\
      CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\r\n\
      Max-Forwards: 255\r\n\
      extensionHeader-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7\xe5\x81\x9c\xe9\x9b\xbb\r\n\
      Content-Length: 0\r\n\
      \r\n"),
    ("esc01", b"INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0\r\n\
      To: sip:%75se%72@example.com\r\n\
      From: <sip:I%20have%20spaces@example.net>;tag=938\r\n\
      Max-Forwards: 87\r\n\
      i: esc01.239409asdfakjkn23onasd0-3234\r\n\
      CSeq: 234234 INVITE\r\n\
      Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdjuw\r\n\
      C: application/sdp\r\n\
      Contact:\r\n\
      \x20 <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>\r\n\
      Content-Length: 150\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.1\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.1\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("escnull", b"REGISTER sip:example.com SIP/2.0\r\n\
      To: sip:null-%00-null@example.com\r\n\
      From: sip:null-%00-null@example.com;tag=839923423\r\n\
      Max-Forwards: 70\r\n\
      Call-ID: escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd\r\n\
      CSeq: 14398234 REGISTER\r\n\
      Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw\r\n\
      Contact: <sip:%00@host5.example.com>\r\n\
      Contact: <sip:%00%00@host5.example.com>\r\n\
      L:0\r\n\
      \r\n"),
    ("esc02", b"RE%47IST%45R sip:registrar.example.com SIP/2.0\r\n\
      To: \"%Z%45\" <sip:resource@example.com>\r\n\
      From: \"%Z%45\" <sip:resource@example.com>;tag=f232jadfj23\r\n\
      Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf\r\n\
      Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234\r\n\
      CSeq: 29344 RE%47IST%45R\r\n\
      Max-Forwards: 70\r\n\
      Contact: <sip:alias1@host1.example.com>\r\n\
      C%6Fntact: <sip:alias2@host2.example.com>\r\n\
      Contact: <sip:alias3@host3.example.com>\r\n\
      l: 0\r\n\
      \r\n"),
    ("lwsdisp", b"OPTIONS sip:user@example.com SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: caller<sip:caller@example.com>;tag=323\r\n\
      Max-Forwards: 70\r\n\
      Call-ID: lwsdisp.1234abcd@funky.example.com\r\n\
      CSeq: 60 OPTIONS\r\n\
      Via: SIP/2.0/UDP funky.example.com;branch=z9hG4bKkdjuw\r\n\
      l: 0\r\n\
      \r\n"),
    ("dblreq", b"REGISTER sip:example.com SIP/2.0\r\n\
      To: sip:j.user@example.com\r\n\
      From: sip:j.user@example.com;tag=43251j3j324\r\n\
      Max-Forwards: 8\r\n\
      I: dblreq.0ha0isndaksdj99sdfafnl3lk233412\r\n\
      Contact: sip:j.user@host.example.com\r\n\
      CSeq: 8 REGISTER\r\n\
      Via: SIP/2.0/UDP 192.0.2.125;branch=z9hG4bKkdjuw23492\r\n\
      Content-Length: 0\r\n\
      \r\n\
      \r\n\
      INVITE sip:joe@example.com SIP/2.0\r\n\
      t: sip:joe@example.com\r\n\
      From: sip:caller@example.net;tag=141334\r\n\
      Max-Forwards: 8\r\n\
      Call-ID: dblreq.0ha0isnda977644900765@192.0.2.15\r\n\
      CSeq: 8 INVITE\r\n\
      Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw380234\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: 150\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.15\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.15\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m =video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n\
      \r\n"),
    ("semiuri", b"OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0\r\n\
      To: sip:j_user@example.com\r\n\
      From: sip:caller@example.org;tag=33242\r\n\
      Max-Forwards: 3\r\n\
      Call-ID: semiuri.0ha0isndaksdj\r\n\
      CSeq: 8 OPTIONS\r\n\
      Accept: application/sdp, application/pkcs7-mime,\r\n\
      \x20       multipart/mixed, multipart/signed,\r\n\
      \x20       message/sip, message/sipfrag\r\n\
      Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw\r\n\
      l: 0\r\n\
      \r\n"),
    ("noreason", b"SIP/2.0 100 \r\n\
      Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe\r\n\
      Call-ID: noreason.asndj203insdf99223ndf\r\n\
      CSeq: 35 INVITE\r\n\
      From: <sip:user@example.com>;tag=39ansfi3\r\n\
      To: <sip:user@example.edu>;tag=902jndnke3\r\n\
      Content-Length: 0\r\n\
      Contact: <sip:user@host105.example.com>\r\n\
      \r\n"),
    ("badinv01", b"INVITE sip:user@example.com SIP/2.0\r\n\
      To: sip:j.user@example.com\r\n\
      From: sip:caller@example.net;tag=134161461246\r\n\
      Max-Forwards: 7\r\n\
      Call-ID: badinv01.0ha0isndaksdjasdf3234nas\r\n\
      CSeq: 8 INVITE\r\n\
      Via: SIP/2.0/UDP 192.0.2.15;;,;,,\r\n\
      Contact: \"Joe\" <sip:joe@example.org>;;;;\r\n\
      Content-Length: 152\r\n\
      Content-Type: application/sdp\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.15\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.15\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("clerr", b"INVITE sip:user@example.com SIP/2.0\r\n\
      Max-Forwards: 80\r\n\
      To: sip:j.user@example.com\r\n\
      From: sip:caller@example.net;tag=93942939o2\r\n\
      Contact: <sip:caller@hungry.example.net>\r\n\
      Call-ID: clerr.0ha0isndaksdjweiafasdk3\r\n\
      CSeq: 8 INVITE\r\n\
      Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bK-39234-23523\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: 9999\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.155\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.155\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("ncl", b"INVITE sip:user@example.com SIP/2.0\r\n\
      Max-Forwards: 254\r\n\
      To: sip:j.user@example.com\r\n\
      From: sip:caller@example.net;tag=32394234\r\n\
      Call-ID: ncl.0ha0isndaksdj2193423r542w35\r\n\
      CSeq: 0 INVITE\r\n\
      Via: SIP/2.0/UDP 192.0.2.53;branch=z9hG4bKkdjuw\r\n\
      Contact: <sip:caller@example53.example.net>\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: -999\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.53\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.53\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("scalar02", b"REGISTER sip:example.com SIP/2.0\r\n\
      Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bK342sdfoi3\r\n\
      To: <sip:user@example.com>\r\n\
      From: <sip:user@example.com>;tag=239232jh3\r\n\
      CSeq: 36893488147419103232 REGISTER\r\n\
      Call-ID: scalar02.23o0pd9vanlq3wnrlnewofjas9ui32\r\n\
      Max-Forwards: 300\r\n\
      Expires: 10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\r\n\
      Contact: <sip:user@host129.example.com>\r\n\
      \x20 ;expires=280297596632815\r\n\
      Content-Length: 0\r\n\
      \r\n"),
    ("scalarlg", b"SIP/2.0 503 Service Unavailable\r\n\
      Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw;received=192.0.2.129\r\n\
      To: <sip:user@example.com>\r\n\
      From: <sip:other@example.net>;tag=2easdjfejw\r\n\
      CSeq: 9292394834772304023312 OPTIONS\r\n\
      Call-ID: scalarlg.noase0of0234hn2qofoaf0232aewf2394r\r\n\
      Retry-After: 949302838503028349304023988\r\n\
      Warning: 1812 overture \"In Progress\"\r\n\
      Content-Length: 0\r\n\
      \r\n"),
    ("quotbal", b"INVITE sip:user@example.com SIP/2.0\r\n\
      To: \"Mr. J. User <sip:j.user@example.com>\r\n\
      From: sip:caller@example.net;tag=93334\r\n\
      Max-Forwards: 10\r\n\
      Call-ID: quotbal.aksdj\r\n\
      Contact: <sip:caller@host59.example.net>\r\n\
      CSeq: 8 INVITE\r\n\
      Via: SIP/2.0/UDP 192.0.2.59:5050;branch=z9hG4bKkdjuw39234\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: 152\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.15\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.15\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("ltgtruri", b"INVITE <sip:user@example.com> SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: sip:caller@example.net;tag=39291\r\n\
      Max-Forwards: 23\r\n\
      Call-ID: ltgtruri.1@192.0.2.5\r\n\
      CSeq: 1 INVITE\r\n\
      Via: SIP/2.0/UDP 192.0.2.5\r\n\
      Contact: <sip:caller@host5.example.net>\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: 159\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.5\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.5\r\n\
      t=3149328700 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("lwsruri", b"INVITE sip:user@example.com; lr SIP/2.0\r\n\
      To: sip:user@example.com;tag=3xfe-9921883-z9f\r\n\
      From: sip:caller@example.net;tag=231413434\r\n\
      Max-Forwards: 5\r\n\
      Call-ID: lwsruri.asdfasdoeoi2323-asdfwrn23-asd834rk423\r\n\
      CSeq: 2130706432 INVITE\r\n\
      Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKkdjuw2395\r\n\
      Contact: <sip:caller@host1.example.net>\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: 159\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.1\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.1\r\n\
      t=3149328700 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("lwsstart", b"INVITE  sip:user@example.com  SIP/2.0\r\n\
      Max-Forwards: 8\r\n\
      To: sip:user@example.com\r\n\
      From: sip:caller@example.net;tag=8814\r\n\
      Call-ID: lwsstart.dfknq234oi243099adsdfnawe3@example.com\r\n\
      CSeq: 1893884 INVITE\r\n\
      Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw3923\r\n\
      Contact: <sip:caller@host1.example.net>\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: 150\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.1\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.1\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("escruri", b"INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: sip:caller@example.net;tag=341518\r\n\
      Max-Forwards: 7\r\n\
      Contact: <sip:caller@host39923.example.net>\r\n\
      Call-ID: escruri.23940-asdfhj-aje3br-234q098w-fawerh2q-h4n5\r\n\
      CSeq: 149209342 INVITE\r\n\
      Via: SIP/2.0/UDP host-of-the-hour.example.com;branch=z9hG4bKkdjuw\r\n\
      Content-Type: application/sdp\r\n\
      Content-Length: 150\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.1\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.1\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("regbadct", b"REGISTER sip:example.com SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: sip:user@example.com;tag=998332\r\n\
      Max-Forwards: 70\r\n\
      Call-ID: regbadct.k345asrl3fdbv@10.0.0.1\r\n\
      CSeq: 1 REGISTER\r\n\
      Via: SIP/2.0/UDP 135.180.130.133:5060;branch=z9hG4bKkdjuw\r\n\
      Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E\r\n\
      l: 0\r\n\
      \r\n"),
    ("baddn", b"OPTIONS sip:t.watson@example.org SIP/2.0\r\n\
      Via:     SIP/2.0/UDP c.example.com:5060;branch=z9hG4bKkdjuw\r\n\
      Max-Forwards:      70\r\n\
      From:    Bell, Alexander <sip:a.g.bell@example.com>;tag=43\r\n\
      To:      Watson, Thomas <sip:t.watson@example.org>\r\n\
      Call-ID: baddn.31415@c.example.com\r\n\
      Accept: application/sdp\r\n\
      CSeq:    3923239 OPTIONS\r\n\
      l: 0\r\n"),
    ("badvers", b"OPTIONS sip:t.watson@example.org SIP/7.0\r\n\
      Via:     SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw\r\n\
      Max-Forwards:     70\r\n\
      From:    A. Bell <sip:a.g.bell@example.com>;tag=qweoiqpe\r\n\
      To:      T. Watson <sip:t.watson@example.org>\r\n\
      Call-ID: badvers.31417@c.example.com\r\n\
      CSeq:    1 OPTIONS\r\n\
      l: 0\r\n\
      \r\n"),
    ("bigcode", b"SIP/2.0 4294967301 better not break the receiver\r\n\
      Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe\r\n\
      Call-ID: bigcode.asdof3uj203asdnf3429uasdhfas3ehjasdfas9i\r\n\
      CSeq: 353494 INVITE\r\n\
      From: <sip:user@example.com>;tag=39ansfi3\r\n\
      To: <sip:user@example.edu>;tag=902jndnke3\r\n\
      Content-Length: 0\r\n\
      Contact: <sip:user@host105.example.com>\r\n\
      \r\n"),
    ("insuf", b"INVITE sip:user@example.com SIP/2.0\r\n\
      CSeq: 193942 INVITE\r\n\
      Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\r\n\
      Content-Type: application/sdp\r\n\
      l: 152\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.95\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.95\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n"),
    ("multi01", b"INVITE sip:user@company.com SIP/2.0\r\n\
      Contact: <sip:caller@host25.example.net>\r\n\
      Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw\r\n\
      Max-Forwards: 70\r\n\
      CSeq: 5 INVITE\r\n\
      Call-ID: multi01.98asdh@192.0.2.1\r\n\
      CSeq: 59 INVITE\r\n\
      Call-ID: multi01.98asdh@192.0.2.2\r\n\
      From: sip:caller@example.com;tag=3413415\r\n\
      To: sip:user@example.com\r\n\
      To: sip:other@example.net\r\n\
      From: sip:caller@example.net;tag=2923420123\r\n\
      Content-Type: application/sdp\r\n\
      l: 154\r\n\
      Contact: <sip:caller@host36.example.net>\r\n\
      Max-Forwards: 5\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.25\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.25\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0 12\r\n\
      m=video 3227 RTP/AVP 31\r\n\
      a=rtpmap:31 LPC\r\n\
      \r\n"),
    ("mcl01", b"OPTIONS sip:user@example.com SIP/2.0\r\n\
      Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bK293423\r\n\
      To: sip:user@example.com\r\n\
      From: sip:other@example.net;tag=3923942\r\n\
      Call-ID: mcl01.fhn2323orihawfdoa3o4r52o3irsdf\r\n\
      CSeq: 15932 OPTIONS\r\n\
      Content-Length: 13\r\n\
      Max-Forwards: 60\r\n\
      Content-Length: 5\r\n\
      Content-Type: text/plain\r\n\
      \r\n\
      There's no way to know how many octets are supposed to be here.\r\n\
      \r\n"),
    ("zeromf", b"OPTIONS sip:user@example.com SIP/2.0\r\n\
      To: sip:user@example.com\r\n\
      From: sip:caller@example.net;tag=3ghsd41\r\n\
      Call-ID: zeromf.jfasdlfnm2o2l43r5u0asdfas\r\n\
      CSeq: 39234321 OPTIONS\r\n\
      Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw2349i\r\n\
      Max-Forwards: 0\r\n\
      Content-Length: 0\r\n\
      \r\n"),
    ("inv2543", b"INVITE sip:UserB@example.com SIP/2.0\r\n\
      Via: SIP/2.0/UDP iftgw.example.com\r\n\
      From: <sip:+13035551111@ift.client.example.net;user=phone>\r\n\
      Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\r\n\
      To: sip:+16505552222@ss1.example.net;user=phone\r\n\
      Call-ID: inv2543.1717@ift.client.example.com\r\n\
      CSeq: 56 INVITE\r\n\
      Content-Type: application/sdp\r\n\
      \r\n\
      v=0\r\n\
      o=mhandley 29739 7272939 IN IP4 192.0.2.5\r\n\
      s=-\r\n\
      c=IN IP4 192.0.2.5\r\n\
      t=0 0\r\n\
      m=audio 49217 RTP/AVP 0\r\n"),
];
