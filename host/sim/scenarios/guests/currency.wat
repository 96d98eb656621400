;; Prices in another currency than its tariff's. The contract leaves no room for that in a line, so
;; all that it can do is to say so, as the error `internal`.
(memory (export "memory") 4)
(data (i32.const 2048) "\01\00\00\00\03\00\00\00\00\10\00\00\0e\00\00\00")
(data (i32.const 4096) "I price in USD")
(func (export "price") (param i32 i32 i64 i64 i32 i32 i32 i32 i32) (result i32)
    i32.const 2048)
