wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"prompt":"word word word word word word word word word word word word word word word word word word word word word word word word word "}'
