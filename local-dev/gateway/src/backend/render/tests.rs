use proptest::prelude::*;

use super::*;

const BODY: &str = r#"{"action":"join","n":2,"f":1.5,"t":true,"z":null,"list":["a","b"],
    "deep":{"a/b":"it's","list":[{"id":1},{"id":2}]},"s":"x,y,,"}"#;

fn rendered(template: &str, body: &str) -> Result<String, String> {
    let template = MappingTemplate::parse(template).map_err(|bad| bad.to_string())?;
    let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    let names = Names {
        body,
        reading: Reading::Lenient,
        params: &json(r#"{"path":{},"querystring":{"q":"1"},"header":{"Host":"h","q":"2"}}"#),
        context: &json(
            r#"{"connectionId":"abc=","identity":{"sourceIp":"192.0.2.1"},"connectedAt":7}"#,
        ),
        stage_variables: &BTreeMap::from([("v".to_owned(), "one".to_owned())]),
    };
    render(&template, &names).map_err(|failed| failed.0)
}

#[test]
fn what_references_print() {
    for (template, want) in [
        (r#"{"statusCode": 200}"#, r#"{"statusCode": 200}"#),
        // "API Gateway mapping template and access logging variable reference".
        ("$input.path('$.action')", "join"),
        ("$input.path('$.deep.list[1].id')", "2"),
        ("$input.path('$.list')[0]", "a"),
        ("$input.path('$').n", "2"),
        ("$input.path('$.missing')", ""),
        ("$input.json('$.action')", r#""join""#),
        (
            "$input.json('$.deep')",
            r#"{"a/b":"it's","list":[{"id":1},{"id":2}]}"#,
        ),
        ("$input.json('$.missing')", r#""""#),
        ("$input.json('$.list[*]')", r#"["a","b"]"#),
        ("$input.path('$.list')", "[a, b]"),
        (
            "$input.path('$.f') $input.path('$.t') $input.path('$.z')",
            "1.5 true ",
        ),
        (
            "$input.params('q')$input.params('Host')$input.params('none')",
            "1h",
        ),
        ("$input.params().header.Host", "h"),
        (
            "$context.connectionId $context.identity.sourceIp $context.connectedAt",
            "abc= 192.0.2.1 7",
        ),
        ("[$context.missing][$context.identity.missing.more]", "[][]"),
        (
            "$stageVariables.v ${stageVariables['v']} $stageVariables.get('v') $stageVariables.none",
            "one one one ",
        ),
        (
            "$util.escapeJavaScript($input.path('$.deep')['a/b'])",
            r"it\'s",
        ),
        ("$util.base64Encode($input.path('$.action'))", "am9pbg=="),
        ("$util.base64Decode('am9pbg==')", "join"),
        ("$util.urlEncode('a b') $util.urlDecode('a+b')", "a+b a b"),
        (r#"$util.parseJson('{"a":[1,2]}').a[1]"#, "2"),
        (
            "$unknown ${unknown.a} $!unknown|",
            "$unknown ${unknown.a} |",
        ),
        ("\\$context.connectionId", "$context.connectionId"),
        (
            r#"$input.path("$.deep.list[$input.path('$.list').size()].id")|"#,
            "|",
        ),
        (
            "$input.path('$.action').toUpperCase().substring(1, 3)",
            "OI",
        ),
        (
            "$input.path('$.action').length() $input.path('$.list').size()",
            "4 2",
        ),
        (
            "$input.path('$.s').split(',')[1] $input.path('$.s').split(',').size()",
            "y 2",
        ),
        (
            "$input.path('$.action').replaceAll('[oi]+', '-').indexOf('n')",
            "2",
        ),
        ("$input.path('$.action').frobnicate", ""),
    ] {
        assert_eq!(rendered(template, BODY).as_deref(), Ok(want), "{template}");
    }
    assert_eq!(rendered("$input.body", "no JSON").as_deref(), Ok("no JSON"));
    assert_eq!(rendered("$input.path('$.a')", "no JSON").as_deref(), Ok(""));
    // Logged on AWS for routes; here the same reader reads.
    assert_eq!(
        rendered("$input.path('$.a')", "{a:'x'}").as_deref(),
        Ok("x")
    );
}

#[test]
fn what_directives_do() {
    for (template, want) in [
        (
            "#set($root = $input.path('$'))\n$root.action $root.deep.list[0].id",
            "join 1",
        ),
        (
            "#set($a = 'x')#set($b = \"${a}-$input.path('$.n')\")$b",
            "x-2",
        ),
        ("#set($a = 'x')#set($a = $none)$a", "x"),
        (
            "#if($input.path('$.action') == 'join')yes#{else}no#end",
            "yes",
        ),
        (
            "#if($input.path('$.missing') == '')empty#elseif(true)b#end",
            "empty",
        ),
        ("#if($none)a#elseif(!$none && true)b#else c#end", "b"),
        (
            "#if($input.path('$.n') >= 2 && $input.path('$.f') < 2)ok#end",
            "ok",
        ),
        ("#if($input.path('$.list').contains('b'))ok#end", "ok"),
        (
            "[#foreach($i in $input.path('$.deep.list'))$i.id#if($foreach.hasNext),#end#end]",
            "[1,2]",
        ),
        (
            "{#foreach($e in $input.params().header.entrySet())\"$e.key\":\"$e.value\"#if($foreach.hasNext),#end#end}",
            r#"{"Host":"h","q":"2"}"#,
        ),
        (
            "#foreach($k in $input.params().header.keySet())$k=$input.params().header.get($k);#end",
            "Host=h;q=2;",
        ),
        (
            "#foreach($i in [1..3])$velocityCount:$i #end",
            "1:1 2:2 3:3 ",
        ),
        (
            "#foreach($i in [3..1])$i$foreach.index #end$i",
            "30 21 12 $i",
        ),
        ("#foreach($i in ['a', $none, 1])[$!i]#end", "[a][][1]"),
        ("#set($m = {'k': [1, 2]})$m.k[1]$m.get('k').size()", "22"),
        (
            "#set($n = 7)#set($n = $n / 2 + $n % 2 * 10 - 1)$n #set($x = 1.5 + 1)$x",
            "12 2.5",
        ),
        ("#set($n = 1 / 0)$n", "$n"),
        ("## a comment\nx#* another *#y", "xy"),
    ] {
        assert_eq!(rendered(template, BODY).as_deref(), Ok(want), "{template}");
    }
}

#[test]
fn a_template_that_goes_on_and_on_is_stopped() {
    for template in [
        "#foreach($i in [1..1000])#foreach($j in [1..1000])x#end#end",
        "#set($a = 'xxxxxxxxxxxxxxxx')#foreach($i in [1..100])#set($a = \"$a$a\")#end",
        "#foreach($i in [1..2000])#end",
        "$input.path('$.action').substring(9)",
        "$input.path('$[')",
        "$input.path('$.action').matches('(')",
    ] {
        assert!(rendered(template, BODY).is_err(), "{template}");
    }
}

proptest! {
    #[test]
    fn no_template_and_no_body_panics(
        template in "(\\$(input|context|util|a)(\\.(path|json|body|params|a|size|substring|parseJson|get)(\\('?(\\$|\\$\\.a|1|[^'\"]?)'?\\))?)?|#set\\(\\$a = |#foreach\\(\\$a in |#if\\(|#end|\\)|\\[0\\]| [+*/%<=-]{1,2} |1|'x'|\\PC){0,16}",
        body in "\\PC{0,20}|[{}\\[\\]:,\"a0 ]{0,30}",
    ) {
        let _ = rendered(&template, &body);
    }

    /// `$input.json('$')` says what the message says.
    #[test]
    fn a_message_passes_a_template_unchanged(json in crate::json::any_json()) {
        prop_assume!(json != Json::Null);
        let text = json.json();
        let printed = rendered("$input.json('$')", &text).unwrap();
        prop_assert_eq!(serde_json::from_str::<Json>(&printed).unwrap(), json);
    }
}
