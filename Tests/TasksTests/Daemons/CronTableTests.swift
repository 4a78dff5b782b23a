import MartletCore
@testable import MartletTasks
import Testing

@Suite struct CronTableTests {
  @Test(arguments: [
    "* * * * * root true\n", "*/5 0-6/2 1,15 jan-mar Mon-fri deploy a=b\n", "@reboot root true\n",
    "# nothing\n\nMAILTO=ops@x.test\nSHELL = /bin/sh\n\"A B\" = c\n0 7 * * 7 root true\n", "",
    "17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n",
  ]) func whatCronTakes(text: String) { #expect(CronTable(Contents(text)).fault == nil) }

  @Test(arguments: [
    "* * * * * root true", "60 * * * * root true\n", "* 24 * * * root true\n", "* * 0 * * root true\n",
    "* * * 13 * root true\n", "* * * * 8 root true\n", "5-1 * * * * root true\n", "*/0 * * * * root true\n",
    "* * * * root true\n", "* * * * * root\n", "@sometimes root true\n", "every day\n",
    "* * * * * root true\r\n",
  ]) func whatCronIgnores(text: String) { #expect(CronTable(Contents(text)).fault != nil) }

  @Test func usersAndLines() {
    let table = CronTable("@daily root a\n* * * * * deploy b\n0 0 * * * root c\n")
    #expect(table.users == ["root", "deploy"])
    #expect(
      CronTable("@daily root a\n* * * secret-word\n").fault
        == "line 2 has fewer than five fields for the time")
  }
}
