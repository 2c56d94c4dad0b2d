"""Tokens of code hosts, registries, chat, payment and other services. *Source*: each vendor's description of its own.

Where a format has a checksum of its own (GitHub's and npm's CRC32) it is not asked for: the prefix says what it is, and
a token with one wrong letter is most of a secret.
"""

from __future__ import annotations

import re

from auditcube.scan.pack.build import LEAD, called, token
from auditcube.scan.rule import Match, Rule, random_looking

_URL = r"[A-Za-z0-9_-]"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def _has_digit(match: Match) -> bool:
    return random_looking(match) and re.search(rb"[0-9]", match[0]) is not None


RULES = (
    token("github-token", "GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9_]{30,}"),
    token("github-fine-grained-token", "GitHub fine-grained token", "github_pat_", r"github_pat_[A-Za-z0-9_]{40,}"),
    token(
        "gitlab-token",
        "GitLab token",
        "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct- glwt-",
        r"gl(?:pat|dt|rtr?|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-(?:[0-9a-z]{1,5}_)?[A-Za-z0-9_.-]{16,}",
    ),
    token("gitlab-runner-token", "GitLab runner registration token", "gr1348941", rf"GR1348941{_URL}{{20,}}"),
    token(
        "bitbucket-token",
        "Bitbucket or Atlassian token",
        "atbb atctt3 atatt3 atcat atost",
        r"AT(?:BB[A-Za-z0-9]{24,}|CTT3xFfG[\w=-]{20,}|ATT3xFfG[\w=-]{20,}|CAT[\w=-]{40,}|OST[\w=-]{40,})",
    ),
    token("npm-token", "npm token", "npm_", r"npm_[A-Za-z0-9]{30,}"),
    token("pypi-token", "PyPI token", "pypi-ag", rf"pypi-Ag(?:EIcHlwaS5vcmc|ENdGVzdC5weXBpLm9yZw|{_URL}){_URL}{{30,}}"),
    token("rubygems-token", "RubyGems key", "rubygems_", r"rubygems_[a-f0-9]{40,}"),
    token("crates-token", "crates.io token", "cio", r"cio[A-Za-z0-9]{32}(?![A-Za-z0-9])", _has_digit),
    token("docker-token", "Docker Hub token", "dckr_pat_ dckr_oat_", rf"dckr_[po]at_{_URL}{{24,}}"),
    token("nuget-key", "NuGet key", "oy2", r"oy2[a-z0-9]{43}(?![A-Za-z0-9])"),
    token("clojars-token", "Clojars token", "clojars_", r"CLOJARS_[a-z0-9]{50,}"),
    token("artifactory-token", "Artifactory token", "akcp cmvmdgtu", r"AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{40,}"),
    token("sonar-token", "SonarQube token", "sqp_ squ_ sqa_", r"sq[pua]_[a-f0-9]{40}"),
    token("circleci-token", "CircleCI token", "ccipat_ cciprj_", r"CCI(?:PAT|PRJ)_[A-Za-z0-9]{16,}_[a-f0-9]{40}"),
    token("buildkite-token", "Buildkite token", "bkua_ bkct_", r"bk(?:ua|ct)_[A-Za-z0-9]{36,}"),
    token("sentry-token", "Sentry token", "sntrys_ sntryu_", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    token(
        "grafana-token",
        "Grafana token",
        "glsa_ glc_ eyjrijoi",
        r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/]{32,}={0,3}|eyJrIjoi[A-Za-z0-9+/]{60,}={0,3}",
    ),
    token("sourcegraph-token", "Sourcegraph token", "sgp_", r"sgp_(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}"),
    token(
        "snyk-token", "Snyk token", "snyk_uat. snyk_sat.", rf"snyk_[us]at\.[0-9a-f]{{8}}\.{_URL}{{20,}}(?:\.{_URL}+)*"
    ),
    token(
        "bitwarden-token",
        "Bitwarden Secrets Manager access token",
        "0.",
        rf"0\.{_UUID}\.[A-Za-z0-9]{{30}}:[A-Za-z0-9+/]{{22}}==",
    ),
    token("bitbucket-server-token", "Bitbucket Data Center token", "bbdc-", r"BBDC-[A-Za-z0-9+/@_-]{40,50}"),
    token(
        "harness-token",
        "Harness token",
        "pat. sat.",
        rf"[ps]at\.{_URL}{{22}}\.[A-Za-z0-9]{{24}}\.[A-Za-z0-9]{{20}}(?![A-Za-z0-9])",
    ),
    token(
        "vercel-blob-token", "Vercel Blob token", "vercel_blob_rw_", r"vercel_blob_rw_[A-Za-z0-9]{16,}_[A-Za-z0-9]{30,}"
    ),
    Rule(
        "deepl-key",
        "DeepL key of the free plan",
        "secret",
        rf"(?<![\w-]){_UUID}:fx(?!\w)",
        (":fx",),
        random_looking,
        reach=36,
        lead="0123456789abcdef-",
        bounded=False,
    ),
    token("newrelic-key", "New Relic key", "nrak- nrii- nrjs- nrra-", rf"NR(?:AK|II|JS|RA)-{_URL}{{19,}}"),
    Rule(
        "newrelic-license-key",
        "New Relic licence key",
        "secret",
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{30,36}(?:FFFF)?NRAL(?![A-Za-z0-9])",
        ("nral",),
        random_looking,
        reach=40,
        lead=LEAD,
        bounded=False,
    ),
    token("dynatrace-token", "Dynatrace token", "dt0c01. dt0s0", r"dt0[a-z]\d\d\.[A-Z0-9]{8,24}\.[A-Z0-9]{64}"),
    token("honeycomb-key", "Honeycomb key", "hcaik_ hcbik_ hcxik_ hcaij_", r"hc[a-z]i[kj]_[A-Za-z0-9]{30,}"),
    token("linear-key", "Linear key", "lin_api_ lin_oauth_", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    token("notion-token", "Notion token", "ntn_ secret_", r"ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{40,}"),
    token("airtable-token", "Airtable token", "pat", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    token("figma-token", "Figma token", "figd_ figdr_ figu_", rf"fig(?:dr?|u[ro]?h?)_{_URL}{{36,}}"),
    token("postman-key", "Postman key", "pmak-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    token("contentful-token", "Contentful token", "cfpat-", rf"CFPAT-{_URL}{{40,}}"),
    token(
        "shopify-token", "Shopify token", "shpat_ shpca_ shppa_ shpss_ shpua_", r"shp(?:at|ca|pa|ss|ua)_[a-fA-F0-9]{32}"
    ),
    token(
        "square-token",
        "Square token",
        "sq0atp- sq0csp- sq0idp- eaaa",
        rf"sq0(?:atp|csp|idp)-{_URL}{{22,}}|EAAA{_URL}{{56,64}}",
    ),
    token(
        "stripe-key",
        "Stripe key",
        "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_",
        r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{16,}",
    ),
    token("webhook-secret", "Stripe or Standard Webhooks secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}"),
    token(
        "braintree-token",
        "Braintree token",
        "access_token$",
        r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
    ),
    token("razorpay-key", "Razorpay key", "rzp_live_ rzp_test_", r"rzp_(?:live|test)_[A-Za-z0-9]{14,}"),
    token("flutterwave-key", "Flutterwave key", "flwseck", r"FLWSECK(?:_TEST)?-[A-Za-z0-9]{20,}(?:-X)?"),
    token("shippo-token", "Shippo token", "shippo_live_ shippo_test_", r"shippo_(?:live|test)_[a-f0-9]{40}"),
    token("easypost-key", "EasyPost key", "ezak eztk", r"EZ[AT]K[A-Za-z0-9]{54}"),
    token("duffel-token", "Duffel token", "duffel_live_ duffel_test_", rf"duffel_(?:live|test)_{_URL}{{43}}"),
    token(
        "plaid-token",
        "Plaid token",
        "access-production- access-sandbox- access-development-",
        rf"access-(?:production|sandbox|development)-{_UUID}",
    ),
    token("twilio-key", "Twilio key or account id", "sk ac", r"(?:SK|AC)[a-f0-9]{32}(?![A-Za-z0-9])", _has_digit),
    token("sendgrid-key", "SendGrid key", "sg.", rf"SG\.{_URL}{{20,24}}\.{_URL}{{39,50}}"),
    token("mailgun-key", "Mailgun key", "key- pubkey-", r"(?:pub)?key-[a-f0-9]{32}(?![A-Za-z0-9])"),
    Rule(
        "mailchimp-key",
        "Mailchimp key",
        "secret",
        r"(?<![A-Za-z0-9])[a-f0-9]{32}-us\d{1,2}(?!\w)",
        ("-us",),
        random_looking,
        reach=32,
        lead=LEAD,
        bounded=False,
    ),
    token("brevo-key", "Brevo key", "xkeysib- xsmtpsib-", r"x(?:keysib|smtpsib)-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    token("resend-key", "Resend key", "re_", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}(?!\w)", _has_digit),
    token("mandrill-key", "Mandrill key", "md-", r"md-[A-Za-z0-9_-]{22}(?![\w-])", _has_digit),
    token(
        "slack-token",
        "Slack token",
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xapp-",
        r"xox[a-z][-.](?:xox[bp]-)?[A-Za-z0-9%-]{10,}|xapp-\d-[A-Za-z0-9-]{20,}",
    ),
    token(
        "slack-webhook",
        "Slack webhook",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?P<v>(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,})",
    ),
    token(
        "teams-webhook",
        "Microsoft Teams webhook",
        "webhook.office.com",
        rf"webhook\.office\.com/(?P<v>webhookb2/{_UUID}@{_UUID}/IncomingWebhook/[a-z0-9]{{32}}/{_UUID})",
    ),
    token(
        "discord-webhook",
        "Discord webhook",
        "discord.com/api/ discordapp.com/api/",
        rf"discord(?:app)?\.com/api/(?:v\d+/)?(?P<v>webhooks/\d{{17,20}}/{_URL}{{50,}})",
    ),
    token(
        "discord-token",
        "Discord bot token",
        "mt mj mz md nt nj nz nd ot od",
        r"[MNO][TjzD][A-Za-z\d_-]{21,26}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,40}(?![\w-])",
    ),
    Rule(
        "telegram-token",
        "Telegram bot token",
        "secret",
        r"(?<!\d)\d{8,10}:A[A-Za-z0-9_-]{34}(?![\w-])",
        (":aa", ":a"),
        random_looking,
        reach=11,
        lead=LEAD,
        bounded=False,
    ),
    token("facebook-token", "Facebook token", "eaac eaab eaag eaad eaae eaai eaaj eaam", r"EAA[A-Z][A-Za-z0-9]{60,}"),
    token("twitter-bearer-token", "Twitter bearer token", "aaaaaaaaaaaa", r"A{19,22}[A-Za-z0-9%]{40,}", None),
    token("dropbox-token", "Dropbox token", "sl.", rf"sl\.(?:u\.)?{_URL}{{100,}}"),
    token("mapbox-token", "Mapbox secret token", "sk.eyj", rf"sk\.eyJ{_URL}{{40,}}\.{_URL}{{20,}}"),
    token("hubspot-token", "HubSpot token", "pat-na1- pat-eu1- pat-na2-", rf"pat-(?:na|eu|ap)\d-{_UUID}"),
    token("typeform-token", "Typeform token", "tfp_", r"tfp_[A-Za-z0-9_.=-]{40,}"),
    token("asana-token", "Asana token", "2/ 1/ 0/", r"[012]/\d{16}(?:/\d{16})?:[a-f0-9]{32}"),
    token("databento-key", "Databento key", "db-", r"db-[A-Za-z0-9]{29}(?![\w-])", _has_digit),
    token("readme-key", "ReadMe key", "rdme_", r"rdme_[a-z0-9]{60,}"),
    token("frameio-token", "Frame.io token", "fio-u-", r"fio-u-[A-Za-z0-9_=-]{60,}"),
    token("launchdarkly-key", "LaunchDarkly key", "sdk- api-", rf"(?:sdk|api)-{_UUID}"),
    token("adafruit-key", "Adafruit key", "aio_", r"aio_[A-Za-z0-9]{28}(?![A-Za-z0-9])"),
    token("posthog-key", "PostHog key", "phx_ phc_", r"ph[xc]_[A-Za-z0-9]{40,}"),
    token("ngrok-token", "ngrok key", "ak_ cr_", r"(?:ak|cr)_[A-Za-z0-9]{27}(?![A-Za-z0-9])", _has_digit),
    token("infracost-key", "Infracost key", "ico-", r"ico-[A-Za-z0-9]{32}(?![A-Za-z0-9])"),
    Rule(
        "terraform-token",
        "Terraform Cloud token",
        "secret",
        rf"(?<![A-Za-z0-9])[A-Za-z0-9]{{14}}\.(?i:atlasv1)\.{_URL}{{50,}}",
        (".atlasv1.",),
        random_looking,
        reach=14,
        lead=LEAD,
        bounded=False,
    ),
    called(
        "paypal-secret",
        "PayPal secret, by its name",
        r"paypal[_-]?(?:client[_-]?)?(?:secret|id)",
        rf"[AE]{_URL}{{50,90}}",
        random_looking,
        anchors="paypal",
    ),
    called(
        "service-key",
        "Key of a service, by its name",
        r"(?:datadog|dd|algolia|twitter|linkedin|okta|auth0|segment|rollbar|codecov|travis|pagerduty|opsgenie|intercom|"
        r"zendesk|jira|confluence|jenkins|sauce|browserstack|lob|etsy|coinbase|kraken|binance|bittrex|finnhub|fastly|"
        r"snyk|sumologic|splunk|elastic|mailjet|postmark|messagebird|nexmo|vonage|squarespace|adobe|spotify|trello|"
        r"linode|vultr|hetzner|ovh|ibm[_-]?cloud|ibm|watson)[_-]?(?:access[_-]?|api[_-]?|app[_-]?|auth[_-]?"
        r"|consumer[_-]?|server[_-]?)?"
        r"(?:key|token|secret)",
        r"[A-Za-z0-9_.=+/-]{18,}",
        anchors="datadog dd_ dd-a algolia twitter linkedin okta auth0 segment rollbar codecov travis pagerduty "
        "opsgenie intercom "
        "zendesk jira confluence jenkins sauce browserstack lob_ etsy coinbase kraken binance bittrex "
        "finnhub fastly snyk "
        "sumologic splunk elastic mailjet postmark messagebird nexmo vonage squarespace adobe spotify trello "
        "linode vultr hetzner ovh ibm watson",
    ),
)
