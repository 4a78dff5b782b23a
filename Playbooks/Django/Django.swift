@main struct Django { static func main() {} }
